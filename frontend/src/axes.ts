// Axes and their words.

import { scaleLinear, scaleLog, scaleSymlog } from "d3-scale";
import type { Frame } from "./picture.tsx";
import { raised, short } from "./words.ts";

// Of everything that is written in a picture: no smaller than the text around it.
export const WORDS = "14px system-ui, sans-serif";
export const STRONG = "600 14px system-ui, sans-serif";
export const LINE = 16; // pixels from one word to the next below it

export interface Box {
	left: number;
	right: number;
	top: number;
	bottom: number;
}

export type Scale = (value: number) => number;

/** Where steps lie between two places; on the logarithmic axis step 0 has a place. */
export function stepScale(kind: "log" | "linear", last: number, low: number, high: number) {
	const base = kind === "log" ? scaleSymlog().constant(1) : scaleLinear();
	return base.domain([0, Math.max(1, last)]).range([low, high]);
}

/** The steps that an axis names, few enough for `room` pixels. */
export function stepTicks(kind: "log" | "linear", last: number, room: number): number[] {
	if (kind === "linear")
		return scaleLinear()
			.domain([0, last])
			.ticks(Math.max(2, room / 80));
	const decades = Math.floor(Math.log10(Math.max(1, last)));
	const apart = Math.max(1, Math.ceil((decades + 1) / Math.max(1, room / 60)));
	const powers = Array.from({ length: decades + 1 }, (_, i) => i).filter((i) => i % apart === 0);
	return [0, ...powers.map((i) => 10 ** i)];
}

export function stepWords(step: number): string {
	return step >= 1000 ? `${+(step / 1000).toPrecision(3)}k` : `${step}`;
}

/** A logarithmic scale for positive values, with ticks at powers of ten, or closer where there is one at most. */
export function lossScale(low: number, high: number, bottom: number, top: number) {
	const scale = scaleLog().domain([low, high]).range([bottom, top]);
	const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
	const apart = Math.max(1, Math.ceil((last - first + 1) / 5));
	const ticks: number[] = [];
	for (let i = first; i <= last; i += apart) ticks.push(i);
	if (ticks.length < 2) {
		const isClear = clearance();
		const round = scaleLinear().domain([low, high]).ticks(4);
		const between = round.filter((at) => isClear(0, scale(at)));
		return { scale, ticks: between.map((at) => ({ at, words: short(at) })) };
	}
	return { scale, ticks: ticks.map((i) => ({ at: 10 ** i, words: `10${raised(i)}` })) };
}

interface Tick {
	at: number;
	words: string;
}

/** The lower edge of a box with its ticks, and what they count. */
export function drawX(
	{ context, look, width }: Frame,
	box: Box,
	scale: Scale,
	ticks: Tick[],
	name: string,
) {
	context.strokeStyle = look.quiet;
	context.lineWidth = 0.6;
	line(context, box.left, box.bottom, box.right, box.bottom);
	context.fillStyle = look.ink;
	context.textBaseline = "top";
	context.textAlign = "center";
	for (const { at, words } of ticks) {
		line(context, scale(at), box.bottom, scale(at), box.bottom + 4);
		const half = context.measureText(words).width / 2;
		context.fillText(words, Math.max(half, Math.min(width - half, scale(at))), box.bottom + 6);
	}
	context.fillStyle = look.quiet;
	context.textAlign = "right";
	context.fillText(name, box.right, box.bottom + 21);
}

/** The steps of a box's lower side, up to the last; says where each stands. */
export function drawSteps(frame: Frame, box: Box, kind: "log" | "linear", last: number): Scale {
	const scale = stepScale(kind, last, box.left, box.right);
	const ticks = stepTicks(kind, last, box.right - box.left);
	drawX(
		frame,
		box,
		scale,
		ticks.map((at) => ({ at, words: stepWords(at) })),
		"step",
	);
	return scale;
}

/** The values of a box's left side, with a rule for each. */
export function drawY(frame: Frame, box: Box, scale: Scale, ticks: Tick[], name: string) {
	const { context, look } = frame;
	context.strokeStyle = look.rule;
	context.lineWidth = 0.6;
	context.fillStyle = look.ink;
	context.textBaseline = "middle";
	context.textAlign = "right";
	for (const { at, words } of ticks) {
		line(context, box.left, scale(at), box.right, scale(at));
		context.fillText(words, box.left - 6, scale(at));
	}
	heading(frame, box.left, box.top - 5, name);
}

/** What stands above a figure, behind a spot of its colour: not every colour can be read. */
export function heading({ context, look }: Frame, x: number, y: number, text: string, color = "") {
	context.textAlign = "left";
	context.textBaseline = "bottom";
	context.font = STRONG;
	if (color) spot(context, x, y - LINE / 2, color);
	context.fillStyle = look.ink;
	context.fillText(text, color ? x + SPOT + 5 : x, y);
	context.font = WORDS;
}

export const SPOT = 10; // pixels

export function spot(context: CanvasRenderingContext2D, x: number, y: number, color: string) {
	context.fillStyle = color;
	context.fillRect(x, y - SPOT / 2, SPOT, SPOT);
}

/** Whether a word at a place is clear of those that this was asked of before. */
export function clearance(): (x: number, y: number) => boolean {
	const taken: [number, number][] = [];
	return (x, y) => {
		const clear = taken.every(([left, top]) => Math.hypot(x - left, y - top) >= LINE);
		if (clear) taken.push([x, y]);
		return clear;
	};
}

export function line(
	context: CanvasRenderingContext2D,
	x0: number,
	y0: number,
	x1: number,
	y1: number,
) {
	context.beginPath();
	context.moveTo(x0, y0);
	context.lineTo(x1, y1);
	context.stroke();
}
