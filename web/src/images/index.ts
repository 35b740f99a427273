export type { Arrow, Blur, Edits, Point, Rect, Size, Stroke } from "./geometry";
export { prepareImage, type Prepared, previewImage, type Rendered, renderImage } from "./render";
