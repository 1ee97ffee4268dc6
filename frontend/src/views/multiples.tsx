import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { LINE, stepScale } from "../axes.ts";
import { type Bundle, row } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { type Place, placeName, type Places, placeWords } from "../places.ts";
import type { State } from "../state.ts";
import { whole } from "../words.ts";

const HEAD = 24; // for the levels on top
const SIDE = 56; // and for those at the left
const GAP = 3;
const SIDES = ["train", "test"] as const;

interface Props {
	bundle: Bundle;
	look: Look;
	sweep: Places;
	chosen: Place | undefined;
	scale: State["scale"];
	choose: (cell: string) => void;
}

/** The accuracies of the runs at every place, a small picture for each. */
export function Multiples({ bundle, look, sweep, chosen, scale, choose }: Props): JSX.Element {
	const columns = sweep.across.levels.length;
	const rows = sweep.places.length / columns;
	const height = HEAD + 22 + rows * Math.max(16, Math.min(72, 420 / rows));
	const draw = useCallback(
		(frame: Frame) => {
			const { context, look } = frame;
			const size = sizes(frame, columns, rows);
			words(frame, sweep, size);
			for (const place of sweep.places) {
				const [x, y] = corner(place, size, rows);
				context.fillStyle = context.strokeStyle = look.rule;
				context.globalAlpha = place.runs.length ? 1 : 0.3;
				context.lineWidth = 1;
				context.strokeRect(x, y, size.wide, size.high);
				context.globalAlpha = Math.max(0.15, Math.min(1, 3 / place.runs.length));
				for (const side of SIDES) {
					context.strokeStyle = look[side];
					trace(context, bundle, `${side}_accuracy`, place.runs, scale, [
						x,
						y,
						size.wide,
						size.high,
					]);
				}
				context.globalAlpha = 1;
			}
		},
		[bundle, sweep, scale],
	);
	const over = useCallback(
		(frame: Frame) => {
			if (!chosen) return;
			const size = sizes(frame, columns, rows);
			const [x, y] = corner(chosen, size, rows);
			frame.context.strokeStyle = frame.look.ink;
			frame.context.lineWidth = 2.5;
			frame.context.strokeRect(x, y, size.wide, size.high);
		},
		[sweep, chosen],
	);
	if (!("test_accuracy" in bundle.curves)) {
		return (
			<Note>
				No accuracy was recorded. Train with <code>record=fr.CURVES</code> to see curves.
			</Note>
		);
	}
	const pick = (x: number, width: number, y: number) => {
		const size = sizes({ width, height }, columns, rows);
		const found = sweep.places.find((place) => {
			const [left, top] = corner(place, size, rows);
			return x >= left && x < left + size.wide + GAP && y >= top && y < top + size.high + GAP;
		});
		if (found?.runs.length) choose(placeName(found));
	};
	const label =
		`Accuracy over steps of ${whole(bundle.runs.length)} runs at ${sweep.places.length} places of ` +
		`${sweep.across.name}${sweep.along ? ` and ${sweep.along.name}` : ""}. ` +
		"The table of the phase diagram has the same places, in words.";
	const table = () => ({
		columns: ["place", "run", "measure", "step", "value"],
		rows: records(bundle, sweep),
	});
	return (
		<>
			<Picture name="multiples" {...{ label, height, look, draw, over, table, onPick: pick }} />
			<p class="key">
				<span class="train">training</span> and <span class="test">test</span> accuracy from none to
				all over {scale === "log" ? "logarithmic" : "linear"} steps, from 0 to{" "}
				{whole(bundle.steps.data.at(-1) ?? 0)}. Click a place to list its runs.
			</p>
		</>
	);
}

function* records(bundle: Bundle, sweep: Places): Generator<(string | number)[]> {
	for (const place of sweep.places) {
		for (const run of place.runs) {
			for (const side of SIDES) {
				const curve = bundle.curves[`${side}_accuracy`];
				for (const [i, value] of curve ? row(curve, run).entries() : []) {
					if (Number.isNaN(value)) continue;
					const { run: number } = bundle.runs[run]!;
					yield [
						placeWords(sweep, place),
						number,
						`${side}_accuracy`,
						bundle.steps.data[i]!,
						value,
					];
				}
			}
		}
	}
}

interface Size {
	wide: number;
	high: number;
}

function sizes(
	{ width, height }: { width: number; height: number },
	columns: number,
	rows: number,
): Size {
	return {
		wide: (width - SIDE - 2) / columns - GAP,
		high: (height - HEAD - 22) / rows - GAP,
	};
}

function corner({ column, row }: Place, { wide, high }: Size, rows: number): [number, number] {
	return [SIDE + column * (wide + GAP), HEAD + (rows - 1 - row) * (high + GAP)];
}

/** The levels of both axes, as far as there is room, and what they are. */
function words({ context, look, width, height }: Frame, { across, along }: Places, size: Size) {
	context.fillStyle = look.ink;
	context.textBaseline = "bottom";
	context.textAlign = "center";
	const every = Math.ceil(52 / (size.wide + GAP));
	across.levels.forEach((level, i) => {
		const x = SIDE + i * (size.wide + GAP) + size.wide / 2;
		if (i % every === 0) context.fillText(level, x, HEAD - 3);
	});
	context.textAlign = "right";
	context.textBaseline = "middle";
	const rows = along?.levels ?? [];
	rows.forEach((level, i) => {
		const y = HEAD + (rows.length - 1 - i) * (size.high + GAP) + size.high / 2;
		if ((rows.length - 1 - i) % Math.ceil(LINE / size.high) === 0)
			context.fillText(level, SIDE - 6, y);
	});
	context.fillStyle = look.quiet;
	context.textBaseline = "top";
	context.fillText(`${across.name} →`, width - 4, height - 18);
	context.textAlign = "left";
	if (along) context.fillText(`↑ ${along.name}`, 2, height - 18);
}

/** Curves in a small box, of which no two records are drawn within half a pixel. */
function trace(
	context: CanvasRenderingContext2D,
	bundle: Bundle,
	name: string,
	runs: number[],
	scale: State["scale"],
	[left, top, wide, high]: [number, number, number, number],
) {
	const curve = bundle.curves[name];
	if (!curve) return;
	const steps = bundle.steps.data;
	const x = stepScale(scale, steps.at(-1) ?? 0, left + 2, left + wide - 2);
	const places = Float64Array.from(steps, x);
	for (const run of runs) {
		const values = row(curve, run);
		let before = -Infinity;
		context.beginPath();
		for (let i = 0; i < values.length; i++) {
			const value = values[i]!;
			if (Number.isNaN(value) || places[i]! - before < 0.5) continue;
			before = places[i]!;
			context.lineTo(before, top + high - 2 - value * (high - 4));
		}
		context.stroke();
	}
}
