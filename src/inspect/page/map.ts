// The map of the chosen head on a canvas, with labels where there is room, a cross hair and a tooltip.
import { type Model, shortNumber } from "./model.js";

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
/** Closest that two labels may come, and the widest a label may be. */
const LINE = 13;
const WIDEST = 96;

export function mapOf(model: Model, tip: HTMLElement, onPoint: () => void) {
  const canvas = document.createElement("canvas");
  canvas.className = "map";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const context = canvas.getContext("2d")!;
  const { rows, columns } = model.data;
  let box = { left: 0, top: 4, width: 0, height: 0 };

  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function pixels(): HTMLCanvasElement {
    const image = new ImageData(columns, rows);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const weight = model.weight(i, j);
        if (weight > 0) image.data.set([...model.rgb(model.level(weight)), 255], (i * columns + j) * 4);
      }
    }
    const cells = document.createElement("canvas");
    [cells.width, cells.height] = [columns, rows];
    cells.getContext("2d")!.putImageData(image, 0, 0);
    return cells;
  }

  function cut(text: string): string {
    if (context.measureText(text).width <= WIDEST) return text;
    let kept = [...text];
    while (kept.length > 0 && context.measureText(`${kept.join("")}\u2026`).width > WIDEST) kept = kept.slice(0, -1);
    return `${kept.join("")}\u2026`;
  }

  /** Labels of one side with their places along it, thinned out until they have room. */
  function labels(side: "query" | "key", count: number, length: number) {
    const every = Math.max(1, Math.ceil(((model.data[`${side}Tokens`] ? LINE : 40) * count) / length));
    return Array.from({ length: Math.ceil(count / every) }, (_, i) => ({
      at: ((i * every + 0.5) * length) / count,
      text: cut(model.short(side, i * every)),
    }));
  }

  function draw(): void {
    const width = canvas.clientWidth || 600;
    const ratio = window.devicePixelRatio || 1;
    context.font = FONT;
    const guess = Math.min(width - 110, 640);
    const widest = (list: { text: string }[]) => Math.max(...list.map(({ text }) => context.measureText(text).width));
    const left = widest(labels("query", rows, guess)) + 28;
    const cell = Math.min((width - left - 6) / columns, 640 / Math.max(rows, columns), 44);
    box = { left, top: 6, width: cell * columns, height: cell * rows };
    const bottom = labels("key", columns, box.width);
    const turned = bottom.some(({ text }) => context.measureText(text).width + 6 > box.width / bottom.length);
    const height = box.top + box.height + (turned ? widest(bottom) * Math.SQRT1_2 + 34 : 42);
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = FONT;
    context.clearRect(0, 0, width, height);
    context.fillStyle = colour("--none");
    context.fillRect(box.left, box.top, box.width, box.height);
    context.imageSmoothingEnabled = cell * ratio < 1;
    context.drawImage(pixels(), box.left, box.top, box.width, box.height);

    context.fillStyle = colour("--ink");
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const { at, text } of labels("query", rows, box.height)) context.fillText(text, box.left - 6, box.top + at);
    context.textAlign = turned ? "right" : "center";
    for (const { at, text } of bottom) {
      context.save();
      context.translate(box.left + at, box.top + box.height + 10);
      if (turned) context.rotate(-Math.PI / 4);
      context.fillText(text, 0, turned ? 0 : 2);
      context.restore();
    }
    context.fillStyle = colour("--faint");
    context.textAlign = "center";
    context.fillText("key", box.left + box.width / 2, height - 8);
    context.save();
    context.translate(9, box.top + box.height / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("query", 0, 0);
    context.restore();
    cross(cell);
    canvas.setAttribute("aria-label", describe());
  }

  /** A frame around the row and the cell that are pointed at. */
  function cross(cell: number): void {
    const [y, x] = [box.top + model.row * cell, box.left + model.column * cell];
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1;
    context.strokeRect(box.left - 0.5, y - 0.5, box.width + 1, Math.max(2, cell) + 1);
    context.strokeStyle = colour("--panel");
    context.lineWidth = 3;
    context.strokeRect(x - 1, y - 1, Math.max(3, cell) + 2, Math.max(3, cell) + 2);
    context.strokeStyle = colour("--accent");
    context.lineWidth = 2;
    context.strokeRect(x - 1, y - 1, Math.max(3, cell) + 2, Math.max(3, cell) + 2);
  }

  function describe(): string {
    const weight = shortNumber(model.weight(model.row, model.column));
    return `${model.name("query", model.row)} \u2192 ${model.name("key", model.column)}: ${weight}`;
  }

  function point(row: number, column: number): void {
    model.row = Math.min(rows - 1, Math.max(0, row));
    model.column = Math.min(columns - 1, Math.max(0, column));
    onPoint();
  }

  canvas.addEventListener("pointermove", (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left - box.left, event.clientY - top - box.top];
    const inside = x >= 0 && y >= 0 && x < box.width && y < box.height;
    tip.style.display = inside ? "block" : "none";
    if (!inside) return;
    point(Math.floor((y / box.height) * rows), Math.floor((x / box.width) * columns));
    tip.textContent = describe();
    tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8)}px`;
  });
  canvas.addEventListener("pointerleave", () => {
    tip.style.display = "none";
  });
  canvas.addEventListener("keydown", (event) => {
    const steps: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    point(model.row + step[0], model.column + step[1]);
  });
  return { canvas, draw, describe };
}
