const ENGLISH = {
  skip: 'Skip to content',
  live: 'live',
  connecting: 'connecting…',
  lost: 'connection lost',
  lostLong: 'The gateway does not answer. The values below are old.',
  allWell: 'All is well',
  troubles: 'Troubles',
  sensors: 'Sensors',
  outputs: 'Outputs',
  uplinks: 'Uplinks to the plant',
  clients: 'Clients',
  shares: 'Shared subscriptions',
  store: 'Store',
  log: 'Log',
  find: 'Search: a name, or bad',
  good: 'good',
  uncertain: 'uncertain',
  bad: 'bad',
  lastHour: 'Last hour: {low} to {high}',
  lastDay: 'Last day: {low} to {high}',
  hour: 'Hour',
  day: 'Day',
  span: 'Time range',
  keepDay: 'With history: day in its config, the last day is kept too.',
  close: 'Close',
  lastHourBacklog: 'Waiting messages in the last hour: {low} to {high}',
  noValues: 'No values in this time range',
  ago: '{time} ago',
  justNow: 'just now',
  yes: 'yes',
  no: 'no',
  on: 'on',
  off: 'off',
  unknown: 'unknown',
  switchOn: 'Switch on',
  switchOff: 'Switch off',
  askOn: 'Switch {name} on?',
  askOff: 'Switch {name} off?',
  askWhy: 'Something in the cell will move, light up or stop.',
  cancel: 'Cancel',
  disconnect: 'Disconnect',
  askDisconnect: 'Disconnect {name}?',
  disconnectWhy: 'The client may reconnect at once. Its waiting messages are kept.',
  mayNot: 'This user may not switch it.',
  sent: 'Sent, waiting for the gateway…',
  done: 'Done.',
  refused: 'Refused: {reason}',
  noAnswer: 'No answer. The state of the output is unknown.',
  connected: 'connected',
  proving: 'verifying',
  down: 'down',
  stopped: 'stopped',
  waiting: 'Waiting',
  oldest: 'Oldest',
  rate: 'Send rate',
  eta: 'Empty in',
  dropped: 'Dropped',
  deadLetters: 'Dead letters',
  sentTotal: 'Sent in total',
  perSecond: '{count}/s',
  online: 'online',
  offline: 'offline',
  since: 'for {time}',
  user: 'User',
  address: 'Address',
  subscriptions: 'Subscriptions',
  inflight: 'In flight',
  ofThemShared: '{count}, {shares} of them shared',
  protocol: 'Protocol',
  sessionKept: 'Session kept for',
  keptLong: 'as configured',
  notKept: 'not kept',
  aliases: 'Topic aliases from / to',
  members: 'Members',
  heldUp: 'Waited as publisher',
  slowReader: 'Slow reader: its publishers do not wait for it',
  waitsForReader: 'Waits for a subscriber with a long queue',
  anonymous: 'anonymous',
  thisPage: 'this page',
  commits: 'Commits',
  commitTime: '50 % / 99 % within',
  written: 'Written',
  free: 'Free on disk',
  wear: 'Written in a year / years the disk lasts',
  login: 'Log in',
  loginWhy: 'This gateway needs a login.',
  loginWrong: 'Wrong user or password.',
  name: 'User name',
  password: 'Password',
  logout: 'Log out',
  notAllowed: 'This user may not see it.',
  version: 'Version {version}, up for {time}',
  alarms: 'Alarms',
  alarmCount: 'Alarms: {count}',
  acknowledge: 'Acknowledge',
  mayNotAcknowledge: 'This user may not acknowledge it.',
  noAnswerYet: 'No answer. Try again.',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
  active: 'active',
  cleared: 'cleared, not acknowledged',
  normal: 'normal',
  acknowledged: 'acknowledged',
  acknowledgedBy: 'acknowledged by {name}',
  shelvedUntil: 'shelved until {time}',
  valueLost: 'Its value is lost: {reason}',
  latched: 'Its condition has ended; it remains active until it is acknowledged.',
};

export type TextKey = keyof typeof ENGLISH;

const CHINESE: Readonly<Record<TextKey, string>> = {
  skip: '跳到内容',
  live: '实时',
  connecting: '正在连接…',
  lost: '连接中断',
  lostLong: '网关没有应答，以下内容已过时。',
  allWell: '一切正常',
  troubles: '故障',
  sensors: '传感器',
  outputs: '输出',
  uplinks: '工厂链路',
  clients: '客户端',
  shares: '共享订阅',
  store: '存储',
  log: '日志',
  find: '查找：名称或“故障”',
  good: '正常',
  uncertain: '不确定',
  bad: '故障',
  lastHour: '最近一小时：{low} 至 {high}',
  lastDay: '最近一天：{low} 至 {high}',
  hour: '小时',
  day: '天',
  span: '时间范围',
  keepDay: '在其配置中设置 history: day，即可同时保存最近一天。',
  close: '关闭',
  lastHourBacklog: '最近一小时等待的消息：{low} 至 {high}',
  noValues: '此期间没有数值',
  ago: '{time}前',
  justNow: '刚刚',
  yes: '是',
  no: '否',
  on: '开',
  off: '关',
  unknown: '未知',
  switchOn: '打开',
  switchOff: '关闭',
  askOn: '打开 {name}？',
  askOff: '关闭 {name}？',
  askWhy: '单元中的设备将会动作、亮起或停止。',
  cancel: '取消',
  disconnect: '断开',
  askDisconnect: '断开 {name}？',
  disconnectWhy: '客户端可能会立即重连；等待它的消息会保留。',
  mayNot: '该用户无权切换。',
  sent: '已发送，等待网关…',
  done: '完成。',
  refused: '被拒绝：{reason}',
  noAnswer: '没有应答：未切换，或状态未知。',
  connected: '已连接',
  proving: '验证中',
  down: '中断',
  stopped: '已停止',
  waiting: '等待',
  oldest: '最早',
  rate: '发送速率',
  eta: '预计清空',
  dropped: '已丢弃',
  deadLetters: '死信',
  sentTotal: '累计发送',
  perSecond: '{count}/秒',
  online: '在线',
  offline: '离线',
  since: '已 {time}',
  user: '用户',
  address: '地址',
  subscriptions: '订阅',
  inflight: '传输中',
  ofThemShared: '{count}（其中共享 {shares}）',
  protocol: '协议',
  sessionKept: '会话保留时间',
  keptLong: '按配置',
  notKept: '不保留',
  aliases: '主题别名 收 / 发',
  members: '成员',
  heldUp: '发布等待时间',
  slowReader: '读取过慢：发布者不再等待它',
  waitsForReader: '正在等待队列过长的订阅者',
  anonymous: '匿名',
  thisPage: '本页面',
  commits: '提交次数',
  commitTime: '50 % / 99 % 不超过',
  written: '已写入',
  free: '磁盘剩余',
  wear: '每年写入量 / 磁盘可用年数',
  login: '登录',
  loginWhy: '此网关需要用户登录。',
  loginWrong: '用户名或密码错误。',
  name: '用户名',
  password: '密码',
  logout: '退出',
  notAllowed: '该用户无权查看。',
  version: '版本 {version}，已运行 {time}',
  alarms: '报警',
  alarmCount: '报警：{count}',
  acknowledge: '确认',
  mayNotAcknowledge: '该用户无权确认。',
  noAnswerYet: '没有应答，请重试。',
  low: '低',
  medium: '中',
  high: '高',
  critical: '紧急',
  active: '激活',
  cleared: '已恢复，未确认',
  normal: '正常',
  acknowledged: '已确认',
  acknowledgedBy: '由 {name} 确认',
  shelvedUntil: '搁置至 {time}',
  valueLost: '数值丢失：{reason}',
  latched: '条件已结束；确认之前保持激活。',
};

export type Language = 'en' | 'zh';
const STORAGE_KEY = 'cellgate-language';

/** The language that the user has chosen, else that of the browser. */
export const language: Language = ((): Language => {
  const kept = localStorage.getItem(STORAGE_KEY);
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
})();

/** Loads the page again in another language. */
export function chooseLanguage(chosen: Language): void {
  localStorage.setItem(STORAGE_KEY, chosen);
  location.reload();
}

/** A text in the language of the page; `{name}` is filled in. */
export function translate(key: TextKey, values: Readonly<Record<string, string>> = {}): string {
  const text = (language === 'zh' ? CHINESE : ENGLISH)[key];
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

const locale = language === 'zh' ? 'zh-CN' : 'en';
const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
const rounded = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const unitOf = (unit: string) =>
  new Intl.NumberFormat(locale, {
    style: 'unit',
    unit,
    unitDisplay: language === 'zh' ? 'long' : 'short',
    maximumFractionDigits: 0,
  });
const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;
const spans = UNITS.map(([unit, seconds]) => ({ seconds, format: unitOf(unit) }));

const clockFormat = new Intl.DateTimeFormat(locale, {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const dayFormat = new Intl.DateTimeFormat(locale, {
  ...{ month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
});
const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });

/** A time since the epoch: `14:02` on the day of `now`, else with its date. */
export function moment(time: number, now: number): string {
  const isToday = new Date(time).toDateString() === new Date(now).toDateString();
  return (isToday ? clockFormat : dayFormat).format(time);
}

/** The whole date and time. */
export function momentInFull(time: number): string {
  return fullFormat.format(time);
}

export function number(value: number): string {
  return numbers.format(value);
}

/** A time span in the largest unit of which it has at least two. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const fitting = spans.find((one) => seconds >= one.seconds * 2) ?? spans.at(-1)!;
  return fitting.format.format(Math.floor(seconds / fitting.seconds));
}

export function bytes(count: number): string {
  const powers = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let left = count;
  while (left >= 1024 && power < powers.length - 1) {
    left /= 1024;
    power++;
  }
  return `${rounded.format(left)} ${powers[power]}`;
}
