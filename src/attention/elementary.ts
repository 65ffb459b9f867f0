// exp, log, sine and cosine in nothing but IEEE additions, multiplications and divisions. Those of Math may differ in the
// last bit from engine to engine, and tables of angles and slopes must hold the same bits everywhere.

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** e^x to about 1e-16 relative, for |x| < 700. */
export function exp(x: number): number {
  const n = Math.round(x / Math.LN2);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum = 1;
  for (let i = 14; i > 0; i--) sum = 1 + (sum * r) / i;
  return sum * powerOfTwo(n);
}

/** Natural logarithm of x > 0: x = 2^e m, ln m = 2 artanh((m - 1) / (m + 1)) by its series. */
export function log(x: number): number {
  let e = 0;
  let m = x;
  for (; m > Math.SQRT2; e++) m /= 2;
  for (; m < Math.SQRT1_2; e--) m *= 2;
  const z = (m - 1) / (m + 1);
  let sum = 0;
  for (let i = 23; i > 0; i -= 2) sum = sum * z * z + 1 / i;
  return e * LN2_HIGH + (2 * z * sum + e * LN2_LOW);
}

function powerOfTwo(n: number): number {
  let power = 1;
  for (let i = 0; i < Math.abs(n); i++) power *= n < 0 ? 0.5 : 2;
  return power;
}

/** pi / 2 in parts of 24 bits: their products with a quadrant number below 2^29 are exact (Cody and Waite 1980). */
const HALF_PI = [1.570796251296997, 7.549789415861596e-8, 5.390302529957765e-15, 3.282003415807913e-22];

/** [cos x, sin x] to about 1e-16, for |x| < 2^29. */
export function cosSin(x: number): [cos: number, sin: number] {
  const quadrant = Math.round(x / (Math.PI / 2));
  let r = x;
  for (const part of HALF_PI) r -= quadrant * part;
  const square = r * r;
  // Taylor series, innermost term first; |r| <= pi / 4
  let sin = 1;
  for (let i = 18; i > 0; i -= 2) sin = 1 - (sin * square) / (i * (i + 1));
  sin *= r;
  let cos = 1;
  for (let i = 17; i > 0; i -= 2) cos = 1 - (cos * square) / (i * (i + 1));
  const sign = quadrant & 2 ? -1 : 1;
  return quadrant & 1 ? [-sin * sign, cos * sign] : [cos * sign, sin * sign];
}
