import type { Channel, Me } from '../lib/types';

/** A show as the API answers it. */
export type Show = {
  id: string;
  channel: string;
  state: 'live' | 'paused' | 'ended';
  started_at: string;
  ended_at?: string;
  replay: { hls: string; duration_ms: number; size: number } | null;
};

/** What the page of a replay knows before its first request. */
export type First = { show: Show; channel: Channel; me: Me | null };

/** 83 s → "1:23", 3683 s → "1:01:23". */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
