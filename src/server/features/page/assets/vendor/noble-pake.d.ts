// The types of what is used of it.

type Hash = (message: Uint8Array) => Uint8Array<ArrayBuffer>;

export interface Point {
  add(other: Point): Point;
  subtract(other: Point): Point;
  multiply(scalar: bigint): Point;
  is0(): boolean;
  isTorsionFree(): boolean;
  toBytes(): Uint8Array<ArrayBuffer>;
}

export function edwards(curve: { p: bigint; n: bigint; h: bigint; a: bigint; d: bigint; Gx: bigint; Gy: bigint }): {
  BASE: Point;
  Fn: { ORDER: bigint };
  fromBytes(bytes: Uint8Array): Point;
  fromHex(hex: string): Point;
};
export const sha256: Hash;
export function extract(hash: Hash, key: Uint8Array, salt: Uint8Array): Uint8Array<ArrayBuffer>;
export function expand(hash: Hash, key: Uint8Array, info: Uint8Array, length: number): Uint8Array<ArrayBuffer>;
