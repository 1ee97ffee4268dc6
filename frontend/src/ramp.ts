// Numbers as colours.

import { interpolateRgb, piecewise } from "d3-interpolate";

/** A table of colours from 0 to 1: red, green, blue, opaque. */
export function ramp(colors: string[], size = 256): Uint8ClampedArray {
	const between = piecewise(interpolateRgb, colors);
	const table = new Uint8ClampedArray(size * 4);
	for (let i = 0; i < size; i++) {
		const found = between(i / (size - 1)).match(/\d+/g) ?? [];
		table.set([...found.slice(0, 3).map(Number), 255], i * 4);
	}
	return table;
}

/** A picture of `columns` × `rows` cells, of which `value` says how far along the ramp each is. */
export function cells(
	columns: number,
	rows: number,
	colors: string[],
	value: (column: number, row: number) => number,
): ImageData {
	const table = ramp(colors);
	const top = table.length / 4 - 1;
	const image = new ImageData(columns, rows);
	for (let row = 0; row < rows; row++) {
		for (let column = 0; column < columns; column++) {
			const part = Math.max(0, Math.min(1, value(column, row)));
			const from = Math.round(part * top) * 4;
			image.data.set(table.subarray(from, from + 4), (row * columns + column) * 4);
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
