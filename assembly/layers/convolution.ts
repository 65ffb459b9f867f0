// Convolution as products (im2col, Chellapilla, Puri and Simard 2006): per batch item and group, the weight [Cout, K] times
// the patches [K, pixels], K = Cin kh kw. Patches are packed block by block, straight into panels.
import { GemmParameters, ImageParameters } from "./abi";
import { gemm } from "../gemm/gemm";

/**
 * output [B, Cout, OH, OW]; the product's a, c and bias are those of the first group and item.
 * @param image ImageParameters
 * @param product GemmParameters with kind MATRIX_IMAGE: rows Cout / groups, columns OH OW, depth K
 */
export function convolve(image: usize, product: usize): void {
  const I = changetype<ImageParameters>(image);
  const P = changetype<GemmParameters>(product);
  const weight = P.a;
  const bias = P.bias;
  const planes = <usize>(I.channels * I.height * I.width) << 2;
  const outputs = <usize>P.rows * P.cRow;
  for (let item = 0; item < I.batch; item++) {
    for (let g = 0; g < I.groups; g++) {
      P.a = weight + <usize>g * <usize>P.rows * P.aRow;
      P.bias = bias ? bias + (<usize>(g * P.rows) << 2) : 0;
      gemm(product);
      I.input += planes;
      P.c += outputs;
    }
  }
}
