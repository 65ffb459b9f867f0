// All heads as buttons: a row for each layer, a small map on each.
import { type Model, shortNumber } from "./model.js";

/** Pixels of a small map, at most. */
const MOST = 48;

export function headsOf(model: Model, onChoose: () => void) {
  const { layers, heads, rows, columns, measures } = model.data;
  const grid = document.createElement("div");
  grid.className = "heads";
  grid.style.gridTemplateColumns = `max-content repeat(${heads}, minmax(34px, 96px))`;
  const buttons: HTMLButtonElement[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const label = document.createElement("span");
    label.textContent = `layer ${layer}`;
    grid.append(label);
    for (let head = 0; head < heads; head++) {
      const button = document.createElement("button");
      const at = layer * heads + head;
      const told = Object.entries(measures).map(([name, values]) => `\n${name}: ${shortNumber(values[at]!)}`);
      button.title = `layer ${layer}, head ${head}${told.join("")}`;
      button.setAttribute("aria-label", button.title);
      button.append(document.createElement("canvas"));
      button.addEventListener("click", () => {
        [model.layer, model.head] = [layer, head];
        onChoose();
      });
      buttons.push(button);
      grid.append(button);
    }
  }

  function draw(): void {
    const [height, width] = [Math.min(rows, MOST), Math.min(columns, MOST)];
    for (const [at, button] of buttons.entries()) {
      const canvas = button.firstChild as HTMLCanvasElement;
      [canvas.width, canvas.height] = [width, height];
      const image = new ImageData(width, height);
      const [layer, head] = [Math.floor(at / heads), at % heads];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const weight = mean(
            layer,
            head,
            (y * rows) / height,
            ((y + 1) * rows) / height,
            (x * columns) / width,
            ((x + 1) * columns) / width,
          );
          if (weight > 0) image.data.set([...model.rgb(model.level(weight)), 255], (y * width + x) * 4);
        }
      }
      canvas.style.background = "var(--none)";
      canvas.getContext("2d")!.putImageData(image, 0, 0);
    }
  }

  function mean(layer: number, head: number, top: number, bottom: number, left: number, right: number): number {
    let sum = 0;
    let count = 0;
    for (let i = Math.floor(top); i < Math.max(Math.floor(top) + 1, Math.floor(bottom)); i++) {
      for (let j = Math.floor(left); j < Math.max(Math.floor(left) + 1, Math.floor(right)); j++) {
        sum += model.weight(i, j, layer, head);
        count++;
      }
    }
    return sum / count;
  }

  function mark(): void {
    for (const [at, button] of buttons.entries()) {
      button.setAttribute("aria-pressed", `${at === model.layer * heads + model.head}`);
    }
  }
  return { grid, draw, mark };
}
