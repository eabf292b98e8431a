import { GATEWAY } from './gateway-zh.ts';
import { HARDWARE } from './hardware-zh.ts';
import { PLANT } from './plant-zh.ts';
import type { SentenceForms } from './sentences.ts';

/** The sentences of troubles and reasons in Chinese. */
export const CHINESE_SENTENCES: SentenceForms = {
  forms: { ...GATEWAY, ...PLANT, ...HARDWARE },
  uplink: '上行连接 {1}',
  counted: { sensor: '{1} 个传感器', output: '{1} 个输出', uplink: '{1} 个上行连接' },
  and: '和',
  colon: '：',
};
