// A picture under a map of weights: pixels, or an image that says of itself what it is.
import { writePng } from "../formats/png.js";
import { show, wrongKind, wrongValue } from "../errors.js";
import { integer } from "../checks.js";
import { dataUrl } from "./cells.js";

/** What a browser's ImageData is: bytes of grey, RGB or RGBA, row by row. */
export interface PixelPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** An image as a data URL; addresses are refused, so that a picture never loads anything. */
export interface LinkedPicture {
  readonly width: number;
  readonly height: number;
  readonly href: string;
}

export type PictureLayer = PixelPicture | LinkedPicture;

/** Its size, and a data URL of it. */
export function checkPicture(picture: unknown): { width: number; height: number; href: string } {
  if (typeof picture !== "object" || picture === null) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `picture must be { width, height, data } or { width, height, href }: got ${show(picture)}`,
    );
  }
  const { data, href } = picture as { data?: unknown; href?: unknown };
  const width = integer("picture.width", (picture as PixelPicture).width, 1);
  const height = integer("picture.height", (picture as PixelPicture).height, 1);
  if (typeof href === "string") {
    if (!/^data:image\/(png|jpeg|webp|gif|avif);base64,[A-Za-z0-9+/=]+$/.test(href)) {
      throw wrongValue("ERR_VALUE", `picture.href must be a data URL of an image in base64: got ${show(href)}`);
    }
    return { width, height, href };
  }
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `picture.data must be a Uint8ClampedArray or Uint8Array of pixels: got ${show(data)}`,
    );
  }
  const channels = data.length / (width * height);
  if (![1, 3, 4].includes(channels)) {
    throw wrongValue(
      "ERR_SHAPE",
      `picture.data must have 1, 3 or 4 bytes for each of ${width} x ${height} pixels: it has ${data.length}`,
    );
  }
  const floats = Float32Array.from(data, (byte) => byte / 255);
  return { width, height, href: dataUrl(writePng({ width, height, channels, data: floats, depth: 8 }), "image/png") };
}
