/** What Chinese has for the sentences about the connection to a plant, by their form in English. */
export const PLANT: Readonly<Record<string, string>> = {
  '… refuses the connection: nothing listens there': '{1} 拒绝连接：那里没有程序在监听',
  '… has a name that is not known (DNS)': '{1} 的名称未知 (DNS)',
  '… has a name that could not be looked up (DNS does not answer)':
    '无法解析 {1} 的名称（DNS 没有应答）',
  '… is not reachable (no route to it)': '无法到达 {1}（没有路由）',
  '… is not reachable (no network)': '无法到达 {1}（没有网络）',
  '… does not answer': '{1} 没有应答',
  '… could not be reached (…)': '未能到达 {1} ({2})',
  '… cut the connection': '{1} 切断了连接',
  '… cut the connection (…)': '{1} 切断了连接 ({2})',
  '… closed the connection in order': '{1} 正常关闭了连接',
  '… has stopped answering': '{1} 不再应答',
  '… takes the connection and then never answers CONNECT': '{1} 接受连接，但从不应答 CONNECT',
  '… closed the connection instead of answering CONNECT': '{1} 没有应答 CONNECT 就关闭了连接',
  '… does not speak this version of MQTT: try protocol: 4':
    '{1} 不支持此 MQTT 版本：请尝试 protocol: 4',
  '… refuses the client id': '{1} 拒绝此客户端 ID',
  '… closed the connection: another client has taken the same client id':
    '{1} 关闭了连接：另一个客户端使用了相同的客户端 ID',
  '… refuses the user name or password': '{1} 拒绝用户名或密码',
  '… does not let this client in (not authorised)': '{1} 不允许此客户端（未授权）',
  '… closed the connection: not authorised': '{1} 关闭了连接：未授权',
  '… asks for another way of authentication': '{1} 要求另一种认证方式',
  '… has banned this client': '{1} 已禁止此客户端',
  'the environment variable … is not set': '环境变量 {1} 未设置',
  'the credential … is not there: systemd gives it by LoadCredential=…:FILE':
    '缺少凭据 {1}：systemd 通过 LoadCredential={2}:文件 提供',
  "the password in … can't be read (…)": '无法读取 {1} 中的密码 ({2})',
  '… says that it is not available': '{1} 报告不可用',
  '… says that it is busy': '{1} 报告繁忙',
  '… closed the connection: it is busy': '{1} 关闭了连接：它繁忙',
  '… is shutting down': '{1} 正在关闭',
  '… closed the connection: an administrator did': '{1} 关闭了连接：由管理员执行',
  '… says that this client connects too often': '{1} 报告此客户端连接过于频繁',
  '… says that messages come too fast': '{1} 报告消息过快',
  '… has no room for another client (quota exceeded)': '{1} 无法再容纳客户端（超出配额）',
  '… says that a quota is exceeded': '{1} 报告超出配额',
  '… says to use another server': '{1} 要求使用另一台服务器',
  '… says that it has moved': '{1} 报告已迁移',
  '… refuses the connection without a reason': '{1} 拒绝连接，没有给出原因',
  '… refuses the connection (reason …)': '{1} 拒绝连接（原因 {2}）',
  '… closed the connection (reason …)': '{1} 关闭了连接（原因 {2}）',
  '… refuses the topic of the will': '{1} 拒绝遗嘱的主题',
  '… does not keep retained messages: the will is refused': '{1} 不保存保留消息：遗嘱被拒绝',
  '… does not take the QoS of the will': '{1} 不接受遗嘱的 QoS',
  '… finds the CONNECT too large': '{1} 认为 CONNECT 过大',
  '… says that a packet was malformed': '{1} 报告数据包格式错误',
  '… says that the protocol was violated': '{1} 报告违反协议',
  '… says that a packet was too large': '{1} 报告数据包过大',
  '… says that more was sent than it can take (receive maximum)':
    '{1} 报告发送量超出其接收能力 (Receive Maximum)',
  '… received nothing for too long (keep-alive timeout)': '{1} 太久没有收到数据（保活超时）',
  '… shows a certificate that has expired': '{1} 出示的证书已过期',
  '… shows a certificate that is not yet valid: is the clock set?':
    '{1} 出示的证书尚未生效：时钟是否已设置？',
  '… shows a certificate for another name': '{1} 出示的证书属于另一个名称',
  '… shows a certificate that tls.ca has not signed': '{1} 出示的证书不是由 tls.ca 签发',
  '… shows a certificate whose signature is wrong': '{1} 出示的证书签名错误',
  '… shows a certificate that was revoked': '{1} 出示的证书已被吊销',
  '… refuses the certificate of this gateway (…)': '{1} 拒绝此网关的证书 ({2})',
  '… does not agree on TLS (…): is it a port with TLS?':
    '与 {1} 无法建立 TLS ({2})：该端口是否支持 TLS？',
  '… takes messages and does not bring them back: the probe on … did not return':
    '{1} 接收消息但不返回：{2} 上的探测没有返回',
  '… refuses the probe on …': '{1} 拒绝 {2} 上的探测',
  '… has not answered CONNECT for … s': '{1} 已 {2} 秒没有应答 CONNECT',
  'messages wait and nothing flows: the plant acknowledges nothing and takes no bytes; check the plant and the network':
    '消息在等待但没有流动：工厂不确认也不接收任何字节；请检查工厂和网络',
  'the plant acknowledges late, after more than 8 s: it or the network is overloaded; check the load of the plant':
    '工厂确认过晚，超过 8 秒：工厂或网络过载；请检查工厂的负载',
  'it has more than … queues, because those of earlier routes are not empty: … routes have no separate queue, … messages wait for room':
    '队列超过 {1} 个，因为以前路由的队列不为空：{2} 条路由没有单独的队列，{3} 条消息等待空间',
  '… messages wait for uplinks that are not in the config (…): add the uplink again, or cellgate queue purge --session uplink/…':
    '{1} 条消息在等待配置中没有的上行连接 ({2})：请重新添加该连接，或执行 cellgate queue purge --session uplink/{3}',
  'the connection is slow: … kB …, and urgent messages wait for their end; send smaller messages or use a faster connection':
    '连接缓慢：{1} kB {2}，紧急消息在等待其结束；请发送更小的消息或使用更快的连接',
  'the queue has grown for a minute: more messages arrive than the connection takes; send less (deadband, heartbeat, fewer routes) or use a faster connection':
    '队列已增长一分钟：到达的消息多于连接的能力；请减少发送（deadband、heartbeat、更少路由）或使用更快的连接',
  'the connection was lost … times in the last minute: check the network, and whether another client uses the same client id':
    '最近一分钟连接中断 {1} 次：请检查网络，以及是否有另一个客户端使用相同的客户端 ID',
  'the … is suspected: the connection ended … while it was in flight; it is sent alone, after the urgent ones, and refused if the connection ends again':
    '{1} 可疑：传送期间连接结束 {2}；将在紧急消息之后单独发送，若连接再次结束则拒绝',
  'the plant does not take the … for the moment: it is sent again, alone':
    '工厂暂时不接受 {1}：将单独重新发送',
  'the plant refuses messages on …: they are kept, see cellgate queue list':
    '工厂拒绝主题 {1} 的消息：这些消息已保留，参见 cellgate queue list',
  '… changes topics, "." to "/" and "*" to "+": …': '{1} 更改主题，“.” 变为 “/”，“*” 变为 “+”：{2}',
  'the plant ends the connection at messages with QoS 2: they are sent with QoS 1; set qos: 1 on its routes':
    '工厂在收到 QoS 2 的消息时结束连接：改用 QoS 1 发送；请在其路由上设置 qos: 1',
  '… breaks the protocol: its SUBACK has … codes for … filters':
    '{1} 违反协议：SUBACK 中有 {2} 个代码，对应 {3} 个过滤器',
  'a message from the plant could not be accepted': '无法接受来自工厂的一条消息',
  '… has acknowledged none of … messages for … s': '{1} 在 {3} 秒内没有确认 {2} 条消息中的任何一条',
  '… refuses to send …': '{1} 拒绝发送 {2}',
  '… does not take …: …': '{1} 不接受 {2}：{3}',
  '… left for the first address, which works again': '已离开 {1}，改用恢复正常的首选地址',
  '…; … is used': '{1}；正在使用 {2}',
  '…: another gateway uses … there too; its readings and its state mix with ours: give each gateway its own cell name':
    '{1}：那里另一个网关也使用 {2}；其读数和状态与本网关混在一起：请给每个网关不同的单元名称',
  'connections end again and again while all works: is another gateway connected with the client id …? Each needs its own':
    '一切正常但连接反复结束：是否有另一个网关使用客户端 ID {1} 连接？每个网关需要不同的 ID',
  '…: waits for the primary host …, which is offline': '{1}：等待主机 {2}，它已离线',
  '… the primary host … is offline': '{1} 主机 {2} 已离线',
  '… takes packets of … bytes, a certificate of birth has …: choose fewer values with routes':
    '{1} 接收 {2} 字节的数据包，而出生证书有 {3}：请用路由选择更少的值',
  '…: connected, waiting for the probe to come back': '{1}：已连接，等待探测返回',
  '…: connected, waiting for the births to arrive': '{1}：已连接，等待出生证书到达',
};
