// SPDX-License-Identifier: GPL-2.0
/*
 * An I2C adapter for tests whose chips are played by a process: each transfer on /dev/i2c-<bus> is a frame that
 * can be read from /dev/i2c-player, and the frame that is written there is its outcome. Numbers are little-endian.
 *
 *   read   u32 length of the frame, u32 sequence, u16 messages, u16 0,
 *          then for each message: u16 address, u16 flags (I2C_M_RD = 1), u16 length, u16 0, and what it writes
 *   write  u32 length of the frame, u32 sequence, s32 0 or -errno, then what the reading messages got, one after
 *          the other; in pieces of any size
 *
 * Nobody has it open: -EREMOTEIO, as for an absent chip on a Pi. No answer within timeout_ms: -ETIMEDOUT, as for
 * a clock that is held low. An answer that comes too late is dropped by its sequence number.
 */
#include <linux/i2c.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define FRAME_BYTES 16384

static int bus = 1;
module_param(bus, int, 0444);
MODULE_PARM_DESC(bus, "number of the adapter");
static int timeout_ms = 1000;
module_param(timeout_ms, int, 0644);
MODULE_PARM_DESC(timeout_ms, "how long a transfer waits for its outcome");

/* A transfer waits as ASKED until the player has read it, as TAKEN until the player has answered. */
enum phase { IDLE, ASKED, TAKEN, ANSWERED };

static DEFINE_MUTEX(lock);
static DECLARE_WAIT_QUEUE_HEAD(asked);
static DECLARE_WAIT_QUEUE_HEAD(answered);
static enum phase phase;
static bool played;
static u32 sequence;
static u8 *question, *answer;
static size_t question_bytes, answer_bytes;

static int ask(struct i2c_msg *messages, int count)
{
	u8 *at = question + 12;
	int i;

	for (i = 0; i < count; i++) {
		struct i2c_msg *message = &messages[i];
		size_t written = message->flags & I2C_M_RD ? 0 : message->len;
		__le16 head[4] = {
			cpu_to_le16(message->addr), cpu_to_le16(message->flags),
			cpu_to_le16(message->len), 0,
		};

		if (at + sizeof(head) + written > question + FRAME_BYTES)
			return -EMSGSIZE;
		memcpy(at, head, sizeof(head));
		memcpy(at + sizeof(head), message->buf, written);
		at += sizeof(head) + written;
	}
	question_bytes = at - question;
	sequence++;
	*(__le32 *)question = cpu_to_le32(question_bytes);
	*(__le32 *)(question + 4) = cpu_to_le32(sequence);
	*(__le16 *)(question + 8) = cpu_to_le16(count);
	*(__le16 *)(question + 10) = 0;
	answer_bytes = 0;
	phase = ASKED;
	wake_up(&asked);
	return 0;
}

static int outcome(struct i2c_msg *messages, int count)
{
	s32 result = (s32)le32_to_cpu(*(__le32 *)(answer + 8));
	u8 *at = answer + 12;
	size_t left = answer_bytes - 12;
	int i;

	if (result < 0)
		return result;
	for (i = 0; i < count; i++) {
		if (!(messages[i].flags & I2C_M_RD))
			continue;
		if (messages[i].len > left)
			return -EIO;
		memcpy(messages[i].buf, at, messages[i].len);
		at += messages[i].len;
		left -= messages[i].len;
	}
	return count;
}

static int player_xfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	long waited;
	int result;

	mutex_lock(&lock);
	result = played ? ask(messages, count) : -EREMOTEIO;
	mutex_unlock(&lock);
	if (result < 0)
		return result;
	waited = wait_event_killable_timeout(answered, READ_ONCE(phase) == ANSWERED || !READ_ONCE(played),
					     msecs_to_jiffies(timeout_ms));
	mutex_lock(&lock);
	if (phase == ANSWERED)
		result = outcome(messages, count);
	else if (waited < 0)
		result = waited;
	else
		result = played ? -ETIMEDOUT : -EREMOTEIO;
	phase = IDLE;
	mutex_unlock(&lock);
	return result;
}

static u32 player_functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm player_algorithm = {
	.master_xfer = player_xfer,
	.functionality = player_functionality,
};

static struct i2c_adapter adapter = {
	.owner = THIS_MODULE,
	.algo = &player_algorithm,
	.name = "bcm2835 (i2c@7e804000)",
};

static int player_open(struct inode *inode, struct file *file)
{
	int result = 0;

	mutex_lock(&lock);
	if (played) {
		result = -EBUSY;
	} else {
		played = true;
		phase = IDLE;
		answer_bytes = 0;
	}
	mutex_unlock(&lock);
	return result;
}

static int player_release(struct inode *inode, struct file *file)
{
	mutex_lock(&lock);
	played = false;
	mutex_unlock(&lock);
	wake_up(&answered);
	return 0;
}

static ssize_t player_read(struct file *file, char __user *to, size_t length, loff_t *offset)
{
	ssize_t result;

	for (;;) {
		if (wait_event_interruptible(asked, READ_ONCE(phase) == ASKED))
			return -ERESTARTSYS;
		mutex_lock(&lock);
		if (phase == ASKED)
			break;
		mutex_unlock(&lock); /* it timed out before anybody looked at it */
	}
	if (length < question_bytes)
		result = -EINVAL;
	else if (copy_to_user(to, question, question_bytes))
		result = -EFAULT;
	else
		result = question_bytes;
	phase = TAKEN;
	mutex_unlock(&lock);
	return result;
}

static ssize_t player_write(struct file *file, const char __user *from, size_t length, loff_t *offset)
{
	size_t wanted, frame, done = 0;
	ssize_t result = length;

	mutex_lock(&lock);
	while (done < length) {
		frame = answer_bytes < 12 ? 12 : le32_to_cpu(*(__le32 *)answer);
		if (frame < 12 || frame > FRAME_BYTES) {
			result = -EINVAL;
			break;
		}
		wanted = min(length - done, frame - answer_bytes);
		if (copy_from_user(answer + answer_bytes, from + done, wanted)) {
			result = -EFAULT;
			break;
		}
		answer_bytes += wanted;
		done += wanted;
		if (answer_bytes < 12 || answer_bytes < le32_to_cpu(*(__le32 *)answer))
			continue;
		if (phase == TAKEN && le32_to_cpu(*(__le32 *)(answer + 4)) == sequence) {
			WRITE_ONCE(phase, ANSWERED);
			wake_up(&answered);
			break;
		}
		answer_bytes = 0;
	}
	mutex_unlock(&lock);
	return result;
}

static const struct file_operations player_operations = {
	.owner = THIS_MODULE,
	.open = player_open,
	.release = player_release,
	.read = player_read,
	.write = player_write,
};

static struct miscdevice player = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "i2c-player",
	.fops = &player_operations,
};

static int __init player_init(void)
{
	int result = -ENOMEM;

	question = kzalloc(FRAME_BYTES, GFP_KERNEL);
	answer = kzalloc(FRAME_BYTES, GFP_KERNEL);
	if (!question || !answer)
		goto failed;
	result = misc_register(&player);
	if (result)
		goto failed;
	adapter.nr = bus;
	result = i2c_add_numbered_adapter(&adapter);
	if (!result)
		return 0;
	misc_deregister(&player);
failed:
	kfree(question);
	kfree(answer);
	return result;
}

static void __exit player_exit(void)
{
	i2c_del_adapter(&adapter);
	misc_deregister(&player);
	kfree(question);
	kfree(answer);
}

module_init(player_init);
module_exit(player_exit);
MODULE_DESCRIPTION("I2C adapter whose chips are played by a process");
MODULE_LICENSE("GPL");
