// The visitor's own rectangle around a face.

import { make } from "../web/card.js";

/**
 * Let the visitor draw a rectangle over a picture.
 * @param {HTMLElement} frame that shows it.
 * @param {{width: number, height: number}} size of the picture in pixels.
 * @returns {Promise<number[]>} left, top, width and height in pixels of the picture.
 */
export function rectangle(frame, size) {
  const mark = make("div", { className: "rectangle" });
  frame.append(mark);
  frame.classList.add("marking");
  return new Promise((resolve) => {
    let start = null;
    const at = (event) => {
      const { left, top, width, height } = frame.getBoundingClientRect();
      const within = (value) => Math.min(Math.max(value, 0), 1);
      return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
    };
    const sides = (event) => {
      const [x, y] = at(event);
      return [Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1])];
    };
    frame.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      frame.setPointerCapture(event.pointerId);
      start = at(event);
    });
    frame.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [left, top, width, height] = sides(event).map((share) => `${100 * share}%`);
      Object.assign(mark.style, { left, top, width, height });
    });
    frame.addEventListener("pointerup", (event) => {
      if (!start) return;
      const [left, top, width, height] = sides(event);
      start = null;
      // A click is no rectangle.
      if (width * size.width < 8 || height * size.height < 8) return;
      resolve([left * size.width, top * size.height, width * size.width, height * size.height]);
    });
  });
}
