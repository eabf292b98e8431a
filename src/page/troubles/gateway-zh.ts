/** What Chinese has for the sentences about the store, the gateway itself, its files, clock, certificates and limits, by their form in English. */
export const GATEWAY: Readonly<Record<string, string>> = {
  'no space left for …: free some; …': '{1} 没有剩余空间：请释放空间；{2}',
  'the database has taken its share, half of the file system of …: purge a queue (cellgate queue list), or give it a larger one; …':
    '数据库已用满其份额（{1} 所在文件系统的一半）：请清空一个队列 (cellgate queue list)，或换用更大的文件系统；{2}',
  '… is read-only: remount it writable; …': '{1} 为只读：请重新挂载为可写；{2}',
  '… does not take writes (…); …': '{1} 不接受写入 ({2})；{3}',
  "queued messages can't be read from … (…): they wait, and the read is tried again each second; check the disk":
    '无法从 {1} 读取排队的消息 ({2})：消息继续等待，每秒重试一次；请检查磁盘',
  '… is damaged (…): the gateway ends, its next start recovers what can be read':
    '{1} 已损坏 ({2})：网关将结束，下次启动时恢复可读取的内容',
  'the database was found damaged at …: at least … messages are lost…; "cellgate acknowledge" ends this trouble':
    '数据库在 {1} 被发现损坏：至少丢失 {2} 条消息{3}；用 cellgate acknowledge 结束此故障',
  '… rows of the database did not fit at the start of … and were set aside in …: find out what is missing; "cellgate acknowledge" ends this trouble':
    '数据库有 {1} 行在 {2} 启动时不合适，已移到 {3}：请查明缺少什么；用 cellgate acknowledge 结束此故障',
  '… was deleted while the gateway runs: it is written again from what is still open; …':
    '{1} 在网关运行时被删除：正用仍打开的内容重新写入；{2}',
  '… was replaced while the gateway runs, all that was acknowledged is in …: stop the gateway, give the file to be used the name, and start it; QoS 1 and 2 messages are not acknowledged until then':
    '{1} 在网关运行时被替换，所有已确认的内容在 {2} 中：请停止网关，将要使用的文件改为该名称，再启动；在此之前不确认 QoS 1 和 2 的消息',
  "the long history can't be written: …": '无法写入长期历史：{1}',
  'the thread of the long history has ended': '长期历史的线程已结束',
  'the writer of the store has not answered for … s': '存储的写入线程已 {1} 秒没有应答',
  'a fault of the gateway, … since the start, the last one …; what it was doing was set aside, all else continues':
    '网关出错，启动以来 {1} 次，最近一次 {2}；当时的工作已搁置，其余继续运行',
  'a fault of the gateway, see its log': '网关出错，请看其日志',
  'the access file has changed and is wrong, so the rules from before stay: …':
    '访问文件已更改且有错误，因此继续使用以前的规则：{1}',
  "the audit log can't be written: …": '无法写入审计日志：{1}',
  'the clock is not set: no time server has answered, and the board has no battery clock':
    '时钟未设置：没有时间服务器应答，且主板没有电池时钟',
  'the certificate … ends on …, in … days: …': '证书 {1} 将于 {2} 到期，还有 {3} 天：{4}',
  'the certificate … ended on …, clients refuse it: …':
    '证书 {1} 已于 {2} 到期，客户端会拒绝它：{3}',
  "the files of … have changed and can't be used, so the ones from before stay: …":
    '{1} 的文件已更改且无法使用，因此继续使用以前的文件：{2}',
  'the limit broker.limits.connections is reached': '已达到限制 broker.limits.connections',
  'the limit broker.limits.connectionsPerAddress is reached':
    '已达到限制 broker.limits.connectionsPerAddress',
  'the limit broker.limits.connecting is reached': '已达到限制 broker.limits.connecting',
  'the limit broker.limits.subscriptions is reached': '已达到限制 broker.limits.subscriptions',
  'the limit broker.limits.subscriptionBytes is reached':
    '已达到限制 broker.limits.subscriptionBytes',
  'the limit broker.limits.subscriptionsPerClient is reached':
    '已达到限制 broker.limits.subscriptionsPerClient',
  'the limit broker.limits.subscriptionBytesPerClient is reached':
    '已达到限制 broker.limits.subscriptionBytesPerClient',
  'the limit broker.limits.sessions is reached': '已达到限制 broker.limits.sessions',
  '… of … sessions are in use (broker.limits.sessions)':
    '已使用 {1} / {2} 个会话 (broker.limits.sessions)',
  'the limit broker.limits.absentQueueBytes is reached':
    '已达到限制 broker.limits.absentQueueBytes',
  'the limit broker.limits.unreleased is reached': '已达到限制 broker.limits.unreleased',
  'the limit broker.limits.unfinishedMemory is reached':
    '已达到限制 broker.limits.unfinishedMemory',
  'the limit broker.limits.unreadMemory is reached': '已达到限制 broker.limits.unreadMemory',
  'the limit broker.limits.retainedMessages is reached':
    '已达到限制 broker.limits.retainedMessages',
  'the limit broker.limits.retainedMessagesPerClient is reached':
    '已达到限制 broker.limits.retainedMessagesPerClient',
  'the limit broker.limits.retainedBytes is reached': '已达到限制 broker.limits.retainedBytes',
  'the limit broker.limits.retainedBytesPerClient is reached':
    '已达到限制 broker.limits.retainedBytesPerClient',
  'the limit broker.limits.queueMemory is reached': '已达到限制 broker.limits.queueMemory',
  'QoS 1 and 2 messages are not acknowledged until it does': '在此之前不确认 QoS 1 和 2 的消息',
  '… has the most: …': '最多的是 {1}：{2}',
};
