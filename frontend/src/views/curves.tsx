import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import {
	type Box,
	drawX,
	drawY,
	line,
	lossScale,
	stepScale,
	stepTicks,
	stepWords,
} from "../axes.ts";
import { type Bundle, row, type Tensor } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import type { State } from "../state.ts";
import { percent, short } from "../words.ts";

const HEIGHT = 190;
const SIDES = ["train", "test"] as const;
type Kind = "loss" | "accuracy";

interface Props {
	bundle: Bundle;
	run: number; // its place in the bundle
	state: State;
	look: Look;
	pick: (step: number) => void;
}

/** Loss and accuracy of all runs; the chosen run and the step stand out. */
export function Curves(props: Props): JSX.Element {
	const kinds = (["loss", "accuracy"] as const).filter(
		(kind) => `test_${kind}` in props.bundle.curves,
	);
	if (!kinds.length) {
		return (
			<Note>No loss and no accuracy was recorded. Train with `record=fr.CURVES` to see them.</Note>
		);
	}
	return (
		<>
			<div class="pair">
				{kinds.map((kind) => (
					<Curve key={kind} kind={kind} {...props} />
				))}
			</div>
			<p class="key">
				<span class="train">training</span> and <span class="test">test</span> examples; the chosen
				run is drawn strong{props.bundle.runs.length > 1 && ", the others thin"}.
			</p>
		</>
	);
}

function Curve({ bundle, run, state, look, pick, kind }: Props & { kind: Kind }): JSX.Element {
	const along = state.scale;
	const last = bundle.steps.data.at(-1) ?? 0;
	const draw = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const x = stepScale(along, last, box.left, box.right);
			const y = drawAxes(frame, box, bundle, kind, along);
			const all = bundle.runs.map((_, i) => i).filter((i) => i !== run);
			const faint = Math.max(0.03, Math.min(0.6, 4 / bundle.runs.length));
			for (const side of SIDES) {
				const curve = bundle.curves[`${side}_${kind}`];
				if (!curve) continue;
				frame.context.strokeStyle = look[side];
				frame.context.lineJoin = "round";
				for (const [runs, alpha, width] of [
					[all, faint, 0.8],
					[[run], 1, 2],
				] as const) {
					frame.context.globalAlpha = alpha;
					frame.context.lineWidth = width;
					for (const one of runs) trace(frame.context, bundle.steps, row(curve, one), x, y);
				}
				frame.context.globalAlpha = 1;
			}
		},
		[bundle, kind, along, run, last],
	);
	const over = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const at = stepScale(along, last, box.left, box.right)(Math.min(state.step, last));
			frame.context.strokeStyle = look.ink;
			frame.context.setLineDash([4, 3]);
			line(frame.context, at, box.top, at, box.bottom);
		},
		[along, last, state.step],
	);
	const choose = (x: number, width: number) => {
		const box = boxOf({ width, height: HEIGHT });
		const steps = stepScale(along, last, box.left, box.right);
		pick(Math.max(0, Math.min(last, steps.invert(x))));
	};
	return (
		<Picture
			name={kind}
			label={spoken(bundle, run, state.step, kind)}
			{...{ height: HEIGHT, look, draw, over, onPick: choose }}
		/>
	);
}

function boxOf({ width, height }: { width: number; height: number }): Box {
	return { left: 44, right: width - 8, top: 24, bottom: height - 38 };
}

function drawAxes(frame: Frame, box: Box, bundle: Bundle, kind: Kind, along: State["scale"]) {
	const last = bundle.steps.data.at(-1) ?? 0;
	const x = stepScale(along, last, box.left, box.right);
	const ticks = stepTicks(along, last, box.right - box.left);
	drawX(
		frame,
		box,
		x,
		ticks.map((at) => ({ at, words: stepWords(at) })),
		"step",
	);
	if (kind === "accuracy") {
		const y = (part: number) => box.bottom - part * (box.bottom - box.top);
		drawY(
			frame,
			box,
			y,
			[0, 0.5, 1].map((at) => ({ at, words: `${100 * at}%` })),
			"accuracy",
		);
		return y;
	}
	const [low, high] = extent(SIDES.flatMap((side) => bundle.curves[`${side}_loss`] ?? []));
	const { scale, ticks: powers } = lossScale(low, high, box.bottom, box.top);
	const units = bundle.units["test_loss"];
	drawY(frame, box, scale, powers, units && units !== "1" ? `loss (${units})` : "loss");
	return scale;
}

/** The smallest and the largest positive number; a decade where they are one or none. */
function extent(tensors: Tensor[]): [number, number] {
	let [low, high] = [Infinity, 0];
	for (const { data } of tensors) {
		for (const value of data) {
			if (!(value > 0) || value === Infinity) continue;
			low = Math.min(low, value);
			high = Math.max(high, value);
		}
	}
	if (high === 0) return [0.1, 1];
	return low < high ? [low, high] : [low / 3, high * 3];
}

/** A line through the steps at which there is a record that the scale has a place for. */
function trace(
	context: CanvasRenderingContext2D,
	steps: Tensor,
	values: ArrayLike<number>,
	x: (step: number) => number,
	y: (value: number) => number,
) {
	context.beginPath();
	for (let i = 0; i < values.length; i++) {
		const at = y(values[i] as number);
		if (Number.isFinite(at)) context.lineTo(x(steps.data[i] as number), at);
	}
	context.stroke();
}

function spoken(bundle: Bundle, run: number, step: number, kind: Kind): string {
	const parts = SIDES.map((side) => {
		const curve = bundle.curves[`${side}_${kind}`];
		const value = curve && valueAt(bundle, row(curve, run), step);
		if (value === undefined) return `no ${side} ${kind}`;
		return `${side} ${kind} ${kind === "accuracy" ? percent(value) : short(value)}`;
	});
	return `Curves of ${kind} over steps, all runs. ${bundle.runs[run]?.label}: ${parts.join(", ")}.`;
}

/** The last record not after a step. */
export function valueAt(
	bundle: Bundle,
	values: ArrayLike<number>,
	step: number,
): number | undefined {
	let found: number | undefined;
	for (let i = 0; i < values.length && (bundle.steps.data[i] as number) <= step; i++) {
		if (!Number.isNaN(values[i])) found = values[i];
	}
	return found;
}
