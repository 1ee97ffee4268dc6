import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { type Box, drawSteps, drawY } from "../axes.ts";
import type { Bundle } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import type { State } from "../state.ts";
import { type Survival, without } from "../sweep.ts";
import { percent, whole } from "../words.ts";

const HEIGHT = 280;
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]]; // for those who do not see colours

interface Props {
	bundle: Bundle;
	state: State;
	look: Look;
	change: (part: Partial<State>) => void;
}

/** The share of runs that have not generalised yet, with those that were censored in it. */
export function SurvivalCurves({ bundle, state, look, change }: Props): JSX.Element {
	const { survival } = bundle;
	if (without(survival)) {
		return (
			<Note>
				{survival.why} Train with <code>record=fr.CURVES</code>.
			</Note>
		);
	}
	const named = bundle.axes.filter((axis) => axis.path in survival.by);
	const by = named.find((axis) => axis.path === state.by);
	const curves = survival.by[by?.path ?? ""]!;
	const { threshold } = bundle.times.generalization!;
	return (
		<>
			{named.length > 0 && (
				<label class="measure">
					a curve for{" "}
					<select
						value={by?.path ?? ""}
						onChange={(event) => change({ by: event.currentTarget.value })}
					>
						<option value="">all runs together</option>
						{named.map(({ path, name }) => (
							<option key={path} value={path}>
								each {name}
							</option>
						))}
					</select>
				</label>
			)}
			<div class="pair">
				<Drawn {...{ bundle, look, curves, scale: state.scale, name: by?.name ?? "" }} />
				<Told {...{ curves, look, name: by?.name ?? "" }} />
			</div>
			<p class="key">
				Kaplan–Meier estimate of the share of runs whose test accuracy has not reached{" "}
				{percent(threshold)}, with its 95% interval. Runs that never got there count until they were
				last seen, and are never left out.
			</p>
		</>
	);
}

function colorOf(i: number, look: Look): string {
	return look.frequencies[i % look.frequencies.length]!;
}

interface DrawnProps {
	bundle: Bundle;
	look: Look;
	curves: Survival[];
	scale: State["scale"];
	name: string;
}

function Drawn({ bundle, look, curves, scale, name }: DrawnProps): JSX.Element {
	const last = bundle.steps.data.at(-1) ?? 0;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box: Box = { left: 48, right: width - 14, top: 24, bottom: height - 38 };
			const x = drawSteps(frame, box, scale, last);
			const y = (part: number) => box.bottom - part * (box.bottom - box.top);
			const marks = [0, 0.5, 1].map((at) => ({ at, words: `${100 * at}%` }));
			drawY(frame, box, y, marks, "still to generalise");
			curves.forEach((curve, i) => {
				if (!curve.step.data.length) return;
				context.fillStyle = context.strokeStyle = colorOf(i, look);
				context.globalAlpha = curves.length > 4 ? 0.06 : 0.14;
				band(context, curve, x, y, box);
				context.globalAlpha = 1;
				context.lineWidth = 2;
				context.setLineDash(DASHES[Math.floor(i / look.frequencies.length) % DASHES.length]!);
				stairs(context, curve, x, y, box);
				context.setLineDash([]);
			});
		},
		[bundle, curves, scale, last],
	);
	const told = curves.map((curve) => `${name} ${curve.level}: ${words(curve)}`.trim());
	const label = `Share of runs still to generalise over steps. ${told.join("; ")}.`;
	const table = () => ({
		columns: ["level", "step", "survival", "low", "high"],
		rows: curves.flatMap((curve) =>
			Array.from(curve.step.data, (step, i) => [
				curve.level,
				step,
				curve.survival.data[i]!,
				curve.low.data[i]!,
				curve.high.data[i]!,
			]),
		),
	});
	return <Picture name="survival" {...{ label, height: HEIGHT, look, draw, table }} />;
}

/** The corners of a curve that is constant between its steps, from 1 at step 0. */
function corners(
	curve: Survival,
	values: ArrayLike<number>,
	x: (n: number) => number,
	y: (n: number) => number,
) {
	const found: [number, number][] = [[x(0), y(1)]];
	let before = 1;
	for (let i = 0; i < values.length; i++) {
		const value = Number.isNaN(values[i]!) ? before : values[i]!;
		found.push([x(curve.step.data[i]!), y(before)], [x(curve.step.data[i]!), y(value)]);
		before = value;
	}
	return found;
}

function stairs(
	context: CanvasRenderingContext2D,
	curve: Survival,
	x: (n: number) => number,
	y: (n: number) => number,
	box: Box,
) {
	const path = corners(curve, curve.survival.data, x, y);
	context.beginPath();
	for (const [at, level] of path) context.lineTo(Math.min(at, box.right), level);
	context.stroke();
}

function band(
	context: CanvasRenderingContext2D,
	curve: Survival,
	x: (n: number) => number,
	y: (n: number) => number,
	box: Box,
) {
	const there = corners(curve, curve.high.data, x, y);
	const back = corners(curve, curve.low.data, x, y).reverse();
	context.beginPath();
	for (const [at, level] of [...there, ...back]) context.lineTo(Math.min(at, box.right), level);
	context.fill();
}

function words(curve: Survival): string {
	const runs = curve.reached + curve.censored;
	const median =
		curve.median === null ? "median not reached" : `median step ${whole(curve.median)}`;
	return `${whole(curve.reached)} of ${whole(runs)} generalised, ${median}`;
}

function Told({ curves, look, name }: { curves: Survival[]; look: Look; name: string }) {
	return (
		<div class="scroll" role="region" aria-label="Times to generalise" tabIndex={0}>
			<table>
				<thead>
					<tr>
						<th scope="col">{name || "runs"}</th>
						<th scope="col">generalised</th>
						<th scope="col">censored</th>
						<th scope="col">median step</th>
					</tr>
				</thead>
				<tbody>
					{curves.map((curve, i) => (
						<tr key={curve.level} data-level={curve.level}>
							<th scope="row" class="marked" style={{ "--mark": colorOf(i, look) }}>
								{curve.level}
							</th>
							<td>
								{whole(curve.reached)} of {whole(curve.reached + curve.censored)}
							</td>
							<td>{whole(curve.censored)}</td>
							<td>{curve.median === null ? "not reached" : whole(curve.median)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}
