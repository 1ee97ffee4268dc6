import { scaleLinear } from "d3-scale";
import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import {
	type Box,
	drawSteps,
	drawY,
	LINE,
	line,
	lossScale,
	type Scale,
	SPOT,
	spot,
	stepScale,
} from "../axes.ts";
import { type Numbers, nearest } from "../bundle.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import type { State } from "../state.ts";
import { percent, short, whole } from "../words.ts";

const NAMES = 98; // pixels at the right in which lines are named

export interface Series {
	name: string;
	color: string;
	values: ArrayLike<number>;
	thin?: boolean; // one of many, without a name
}

interface Props {
	name: string;
	title: string;
	series: Series[];
	steps: Numbers;
	step: number; // that is shown
	scale: State["scale"];
	kind: "share" | "log" | "linear";
	look: Look;
	height?: number;
	pick: (step: number) => void;
}

/** A few numbers over the steps at which a network was looked at, each named where it ends. */
export function Lines(props: Props): JSX.Element {
	const { name, title, series, steps, step, scale, kind, look, height = 190, pick } = props;
	const last = steps.at(-1) ?? 0;
	const draw = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const x = drawSteps(frame, box, scale, last);
			const { y, marks } = vertical(kind, series, box);
			drawY(frame, box, y, marks, title);
			for (const one of series) trace(frame.context, one, steps, x, y);
			label(frame, series, box, y);
		},
		[series, steps, scale, kind, title],
	);
	const over = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const at = stepScale(scale, last, box.left, box.right)(Math.min(step, last));
			frame.context.strokeStyle = look.ink;
			frame.context.setLineDash([4, 3]);
			line(frame.context, at, box.top, at, box.bottom);
		},
		[steps, scale, step, look],
	);
	const choose = (x: number, width: number) => {
		const box = boxOf({ width, height });
		const along = stepScale(scale, last, box.left, box.right);
		const asked = Math.max(0, Math.min(last, along.invert(x)));
		pick(steps[nearest(steps, asked, along)]!);
	};
	const shown = nearest(steps, step, (at) => at);
	const say = kind === "share" ? percent : short;
	const told = series
		.filter((one) => !one.thin)
		.map((one) => `${one.name} ${say(one.values[shown]!)}`);
	const spoken = `${title} over ${steps.length} steps. At step ${whole(steps[shown]!)}: ${told.join(", ")}.`;
	const table = () => ({
		columns: ["step", ...series.map((one) => one.name)],
		rows: Array.from(steps, (at, i) => [at, ...series.map((one) => one.values[i]!)]),
	});
	return <Picture {...{ name, label: spoken, height, look, draw, over, table, onPick: choose }} />;
}

function boxOf({ width, height }: { width: number; height: number }): Box {
	return { left: 48, right: width - NAMES, top: 24, bottom: height - 38 };
}

function vertical(kind: Props["kind"], series: Series[], { top, bottom }: Box) {
	if (kind === "share") {
		const y: Scale = (part) => bottom - part * (bottom - top);
		return { y, marks: [0, 0.5, 1].map((at) => ({ at, words: `${100 * at}%` })) };
	}
	const all = series.flatMap((one) => Array.from(one.values)).filter(Number.isFinite);
	if (kind === "log") {
		const positive = all.filter((value) => value > 0);
		const low = positive.reduce((least, value) => Math.min(least, value), Infinity);
		const high = positive.reduce((most, value) => Math.max(most, value), 0);
		const range =
			high === 0
				? ([0.1, 1] as const)
				: low < high
					? ([low, high] as const)
					: ([low / 3, high * 3] as const);
		const { scale, ticks } = lossScale(...range, bottom, top);
		return { y: scale as Scale, marks: ticks };
	}
	const high = all.reduce((most, value) => Math.max(most, value), 0) || 1;
	const scale = scaleLinear().domain([0, high]).nice().range([bottom, top]);
	return { y: scale as Scale, marks: scale.ticks(3).map((at) => ({ at, words: short(at) })) };
}

function trace(context: CanvasRenderingContext2D, one: Series, steps: Numbers, x: Scale, y: Scale) {
	context.strokeStyle = one.color;
	context.lineJoin = "round";
	context.lineWidth = one.thin ? 0.8 : 2;
	context.globalAlpha = one.thin ? 0.5 : 1;
	context.beginPath();
	for (let i = 0; i < steps.length; i++) {
		const at = y(one.values[i]!);
		if (Number.isFinite(at)) context.lineTo(x(steps[i]!), at);
	}
	context.stroke();
	context.globalAlpha = 1;
}

/** Names at the ends of lines, moved apart where they would lie on each other. */
function label({ context, look }: Frame, series: Series[], box: Box, y: Scale) {
	const ends = series
		.filter((one) => !one.thin)
		.map((one) => ({ one, at: y(one.values[one.values.length - 1]!) }))
		.filter(({ at }) => Number.isFinite(at))
		.sort((a, b) => a.at - b.at);
	let free = box.top + LINE / 2; // below the button that saves
	const places = ends.map(({ one, at }) => {
		const place = Math.max(free, at);
		free = place + LINE;
		return { one, place };
	});
	const below = Math.max(0, free - LINE - box.bottom);
	context.textAlign = "left";
	context.textBaseline = "middle";
	for (const { one, place } of places) {
		spot(context, box.right + 6, place - below, one.color);
		context.fillStyle = look.ink;
		context.fillText(one.name, box.right + 9 + SPOT, place - below);
	}
}
