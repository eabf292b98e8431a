// SPDX-License-Identifier: GPL-2.0
/*
 * The thermal zone of a Pi, cpu-thermal, for tests: as warm as the parameter millidegrees says. The kernel makes the
 * hwmon chip cpu_thermal of it, as on a Pi. While the parameter broken is set, it can't be read.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/thermal.h>
#include <linux/version.h>

static int millidegrees = 47236;
module_param(millidegrees, int, 0644);
MODULE_PARM_DESC(millidegrees, "temperature in thousandths of a degree Celsius");
static bool broken;
module_param(broken, bool, 0644);
MODULE_PARM_DESC(broken, "whether it can't be read");

static struct thermal_zone_device *zone;

static int thermal_sim_get_temp(struct thermal_zone_device *tz, int *temperature)
{
	if (READ_ONCE(broken))
		return -EIO;
	*temperature = READ_ONCE(millidegrees);
	return 0;
}

/* Not const: before Linux 6.9 the kernel takes no other. */
static struct thermal_zone_device_ops thermal_sim_ops = {
	.get_temp = thermal_sim_get_temp,
};

static int __init thermal_sim_init(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	zone = thermal_tripless_zone_device_register("cpu-thermal", NULL, &thermal_sim_ops, NULL);
#else
	zone = thermal_zone_device_register("cpu-thermal", 0, 0, NULL, &thermal_sim_ops, NULL, 0, 0);
#endif
	return PTR_ERR_OR_ZERO(zone);
}

static void __exit thermal_sim_exit(void)
{
	thermal_zone_device_unregister(zone);
}

module_init(thermal_sim_init);
module_exit(thermal_sim_exit);
MODULE_DESCRIPTION("Thermal zone of a Pi, for tests");
MODULE_LICENSE("GPL");
