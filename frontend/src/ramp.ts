// Numbers as colours.

import { interpolateRgb, piecewise } from "d3-interpolate";

const SIZE = 256; // colours of a ramp that are told apart
const RAMPS = new WeakMap<string[], Uint8ClampedArray>();

/** A table of colours from 0 to 1: red, green, blue, opaque. Made once for each list of colours. */
function ramp(colors: string[]): Uint8ClampedArray {
	const known = RAMPS.get(colors);
	if (known) return known;
	const between = piecewise(interpolateRgb, colors);
	const table = new Uint8ClampedArray(SIZE * 4);
	for (let i = 0; i < SIZE; i++) {
		const found = between(i / (SIZE - 1)).match(/\d+/g) ?? [];
		table.set([...found.slice(0, 3).map(Number), 255], i * 4);
	}
	RAMPS.set(colors, table);
	return table;
}

/** The colour so far along a ramp: red, green, blue, opaque. */
export function shade(colors: string[], part: number): Uint8ClampedArray {
	const from = Math.round(Math.max(0, Math.min(1, part)) * (SIZE - 1)) * 4;
	return ramp(colors).subarray(from, from + 4);
}

/** A picture of `columns` × `rows` cells, of which `value` says how far along the ramp each is. */
export function cells(
	columns: number,
	rows: number,
	colors: string[],
	value: (column: number, row: number) => number,
): ImageData {
	const image = new ImageData(columns, rows);
	for (let row = 0; row < rows; row++) {
		for (let column = 0; column < columns; column++) {
			image.data.set(shade(colors, value(column, row)), (row * columns + column) * 4);
		}
	}
	return image;
}

/** Draws cells into a place of the page, each a rectangle with sharp edges. */
export function paint(
	context: CanvasRenderingContext2D,
	image: ImageData,
	[x, y, width, height]: [number, number, number, number],
) {
	const small = document.createElement("canvas");
	small.width = image.width;
	small.height = image.height;
	small.getContext("2d")!.putImageData(image, 0, 0);
	context.imageSmoothingEnabled = false;
	context.drawImage(small, x, y, width, height);
}
