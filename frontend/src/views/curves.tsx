import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { scaleLinear } from "d3-scale";
import { type Box, drawSteps, drawY, line, lossScale, type Scale, stepScale } from "../axes.ts";
import { type Bundle, row, type Tensor } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import type { State } from "../state.ts";
import { percent, short } from "../words.ts";
import { drawMarks, drawRug, RUG, Timing } from "./marks.tsx";

const HEIGHT = 210;
const WIDE = 30; // times the smallest value: of a larger range the logarithm is drawn
const USUAL = ["train_loss", "test_loss", "train_accuracy", "test_accuracy"];

interface Props {
	bundle: Bundle;
	run: number; // its place in the bundle
	state: State;
	look: Look;
	pick: (step: number) => void;
	change: (part: Partial<State>) => void;
}

/** One panel: what it is called, and the curves in it. */
interface Panel {
	name: string;
	curves: { name: string; color: "train" | "test" | "ink" }[];
}

/** Loss, accuracy and one more measure of all runs; the chosen run and the step stand out. */
export function Curves(props: Props): JSX.Element {
	const { bundle, state, change } = props;
	const more = Object.keys(bundle.curves).filter((name) => !USUAL.includes(name));
	const shown = panels(bundle, more.includes(state.measure) ? state.measure : "");
	const none = !panels(bundle, "").length && (
		<Note>No loss and no accuracy was recorded. Train with `record=fr.CURVES` to see them.</Note>
	);
	if (!more.length && none) return none;
	return (
		<>
			{none}
			{more.length > 0 && (
				<label class="measure">
					also draw{" "}
					<select
						value={state.measure}
						onChange={(event) => change({ measure: event.currentTarget.value })}
					>
						<option value="">nothing else</option>
						{more.map((name) => (
							<option key={name}>{name}</option>
						))}
					</select>
				</label>
			)}
			<div class="pair">
				{shown.map((panel) => (
					<Curve key={panel.name} panel={panel} {...props} />
				))}
			</div>
			<p class="key">
				<span class="train">training</span> and <span class="test">test</span> examples; the chosen
				run is drawn strong{bundle.runs.length > 1 && ", the others thin"}.
				{bundle.definitions[state.measure] &&
					` ${state.measure}: ${bundle.definitions[state.measure]}`}
			</p>
			<Timing {...{ bundle, run: props.run }} />
			{bundle.curves_left_out.length > 0 && (
				<Note>
					Had no room in this page: {bundle.curves_left_out.join(", ")}. Export fewer runs to see
					them.
				</Note>
			)}
		</>
	);
}

function panels(bundle: Bundle, measure: string): Panel[] {
	const found: Panel[] = [];
	for (const kind of ["loss", "accuracy"]) {
		const sides = (["train", "test"] as const).filter((side) => `${side}_${kind}` in bundle.curves);
		const curves = sides.map((side) => ({ name: `${side}_${kind}`, color: side }));
		if (curves.length) found.push({ name: kind, curves });
	}
	if (measure) found.push({ name: measure, curves: [{ name: measure, color: "ink" }] });
	return found;
}

function Curve({ bundle, run, state, look, pick, panel }: Props & { panel: Panel }): JSX.Element {
	const along = state.scale;
	const last = bundle.steps.data.at(-1) ?? 0;
	const draw = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const x = stepScale(along, last, box.left, box.right);
			const y = drawAxes(frame, box, bundle, panel, along);
			const all = bundle.runs.map((_, i) => i).filter((i) => i !== run);
			const faint = Math.max(0.03, Math.min(0.6, 4 / bundle.runs.length));
			for (const { name, color } of panel.curves) {
				const curve = bundle.curves[name]!;
				frame.context.strokeStyle = look[color];
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
			if (panel.name === "accuracy") drawRug(frame, box, bundle, x);
			const values = (name: string) => bundle.curves[name] && row(bundle.curves[name], run);
			drawMarks(frame, bundle, run, panel.curves, (name, step) => {
				const value = valueAt(bundle, values(name) ?? [], step);
				return value === undefined ? undefined : [x(step), y(value)];
			});
		},
		[bundle, panel.name, along, run, last],
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
			name={panel.name}
			label={spoken(bundle, run, state.step, panel)}
			table={() => ({
				columns: ["run", "label", "measure", "step", "value"],
				rows: rows(bundle, panel),
			})}
			{...{ height: HEIGHT, look, draw, over, onPick: choose }}
		/>
	);
}

function* rows(bundle: Bundle, panel: Panel): Generator<(string | number)[]> {
	for (const { name } of panel.curves) {
		for (const [i, { run, label }] of bundle.runs.entries()) {
			for (const [at, value] of row(bundle.curves[name]!, i).entries()) {
				if (!Number.isNaN(value)) yield [run, label, name, bundle.steps.data[at]!, value];
			}
		}
	}
}

function boxOf({ width, height }: { width: number; height: number }): Box {
	return { left: 48, right: width - 8, top: 24 + RUG, bottom: height - 38 };
}

function drawAxes(frame: Frame, box: Box, bundle: Bundle, panel: Panel, along: State["scale"]) {
	const last = bundle.steps.data.at(-1) ?? 0;
	drawSteps(frame, box, along, last);
	const { scale, marks } = vertical(bundle, panel, box);
	const heading = { ...box, top: box.top - RUG };
	const units = bundle.units[panel.curves.at(-1)!.name];
	const name = panel.name.replaceAll("_", " ");
	drawY(frame, box, scale, marks, "");
	drawY(frame, heading, scale, [], units && units !== "1" ? `${name} (${units})` : name);
	return scale;
}

/** Where values stand: shares from none to all, what spans decades by its logarithm. */
function vertical(bundle: Bundle, panel: Panel, { top, bottom }: Box) {
	if (panel.name === "accuracy") {
		const scale: Scale = (part) => bottom - part * (bottom - top);
		return { scale, marks: [0, 0.5, 1].map((at) => ({ at, words: `${100 * at}%` })) };
	}
	const range = extent(panel.curves.map(({ name }) => bundle.curves[name]!));
	if (panel.name === "loss" || (range.low > 0 && range.high > WIDE * range.low)) {
		const [low, high] = range.high > 0 ? [range.positive, range.high] : [0.1, 1];
		const { scale, ticks } =
			low < high ? lossScale(low, high, bottom, top) : lossScale(low / 3, high * 3, bottom, top);
		return { scale: scale as Scale, marks: ticks };
	}
	const scale = scaleLinear().domain([range.low, range.high]).nice().range([bottom, top]);
	return { scale: scale as Scale, marks: scale.ticks(4).map((at) => ({ at, words: short(at) })) };
}

/** The smallest number, the smallest positive one, and the largest. */
function extent(tensors: Tensor[]) {
	let [low, positive, high] = [Infinity, Infinity, -Infinity];
	for (const { data } of tensors) {
		for (const value of data) {
			if (!Number.isFinite(value)) continue;
			low = Math.min(low, value);
			high = Math.max(high, value);
			if (value > 0) positive = Math.min(positive, value);
		}
	}
	return low > high ? { low: 0, positive: 0, high: 0 } : { low, positive, high };
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

function spoken(bundle: Bundle, run: number, step: number, { name, curves }: Panel): string {
	const parts = curves.map(({ name: curve }) => {
		const value = valueAt(bundle, row(bundle.curves[curve]!, run), step);
		const words = curve.replaceAll("_", " ");
		if (value === undefined) return `no ${words}`;
		return `${words} ${name === "accuracy" ? percent(value) : short(value)}`;
	});
	return `Curves of ${name} over steps, all runs. ${bundle.runs[run]?.label}: ${parts.join(", ")}.`;
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
