/** What stands in front of each body of a push. See docs/protocol.md. */
export type FrameHeader =
  | { type: 'init'; mime: string }
  | { type: 'part'; msn: number; part: number; date: string; duration: number; independent: boolean; media?: number }
  | { type: 'skip' | 'end' }
  | { type: 'wait'; encoder: boolean };

export type Frame = { header: FrameHeader; body: Uint8Array<ArrayBuffer> };

const lengths = 8; // bytes: two 32-bit numbers
const largestFrame = 64 << 20; // bytes; beyond it the answer is no push

/** Takes the bytes of a push as they come and gives back whole frames. */
export class FrameParser {
  private chunks: Uint8Array<ArrayBuffer>[] = [];
  private held = 0;

  /** The frames that are complete with these bytes. Throws when they are no frames. */
  push(bytes: Uint8Array<ArrayBuffer>): Frame[] {
    this.chunks.push(bytes);
    this.held += bytes.length;
    const frames: Frame[] = [];
    for (let next = this.next(); next; next = this.next()) frames.push(next);
    return frames;
  }

  private next(): Frame | null {
    if (this.held < lengths) return null;
    const start = this.peek(lengths);
    const view = new DataView(start.buffer, start.byteOffset, lengths);
    const header = view.getUint32(0);
    const body = view.getUint32(4);
    if (header + body > largestFrame) throw new Error('not a push');
    if (this.held < lengths + header + body) return null;
    const whole = this.peek(lengths + header + body);
    this.drop(whole.length);
    const text = new TextDecoder().decode(whole.subarray(lengths, lengths + header));
    return { header: JSON.parse(text) as FrameHeader, body: whole.subarray(lengths + header) };
  }

  /** The first bytes in one piece. They are copied only if they came in several. */
  private peek(size: number): Uint8Array<ArrayBuffer> {
    if (this.chunks[0]!.length < size) {
      const joined = new Uint8Array(this.held);
      let at = 0;
      for (const chunk of this.chunks) {
        joined.set(chunk, at);
        at += chunk.length;
      }
      this.chunks = [joined];
    }
    return this.chunks[0]!.subarray(0, size);
  }

  private drop(size: number): void {
    const rest = this.chunks[0]!.subarray(size);
    if (rest.length > 0) this.chunks[0] = rest;
    else this.chunks.shift();
    this.held -= size;
  }
}
