// SPDX-License-Identifier: GPL-2.0
/*
 * A PWM controller with two channels, for tests: it takes whatever it is told. /sys/kernel/debug/pwm shows from outside
 * what that was.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pwm.h>

#define CHANNELS 2

static struct platform_device *device;
static struct pwm_chip *chip;

static int pwm_sim_apply(struct pwm_chip *chip, struct pwm_device *pwm, const struct pwm_state *state)
{
	return 0;
}

static const struct pwm_ops pwm_sim_ops = {
	.apply = pwm_sim_apply,
};

static int __init pwm_sim_init(void)
{
	int result;

	device = platform_device_register_simple("pwm-sim", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	chip = pwmchip_alloc(&device->dev, CHANNELS, 0);
	if (IS_ERR(chip)) {
		platform_device_unregister(device);
		return PTR_ERR(chip);
	}
	chip->ops = &pwm_sim_ops;
	result = pwmchip_add(chip);
	if (result) {
		pwmchip_put(chip);
		platform_device_unregister(device);
	}
	return result;
}

static void __exit pwm_sim_exit(void)
{
	pwmchip_remove(chip);
	pwmchip_put(chip);
	platform_device_unregister(device);
}

module_init(pwm_sim_init);
module_exit(pwm_sim_exit);
MODULE_DESCRIPTION("PWM controller, for tests");
MODULE_LICENSE("GPL");
