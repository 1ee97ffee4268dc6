import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { byLastChange, countsOf, KINDS, kindsAt } from "../answers.ts";
import { type Box, drawSteps, heading, line, stepScale } from "../axes.ts";
import { latest } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { paint } from "../ramp.ts";
import type { State } from "../state.ts";
import type { Answers } from "../sweep.ts";
import { percent, whole } from "../words.ts";
import { Lines } from "./lines.tsx";

const HEIGHT = 300;

interface Props {
	answers: Answers;
	state: State;
	look: Look;
	pick: (step: number) => void;
	change: (part: Partial<State>) => void;
}

/** Given label, right label and answer of every training example, as the network changes its mind. */
export function Corrupted(props: Props): JSX.Element {
	const { answers, state, look } = props;
	const steps = answers.steps.data;
	const index = latest(steps, state.step);
	const kinds = useMemo(() => Array.from(steps, (_, i) => kindsAt(answers, i)), [answers]);
	const counts = countsOf(kinds[index]!);
	const wrong = counts[2]! + counts[3]! + counts[4]!;
	const colors = colorsOf(look);
	if (!wrong)
		return <Note>No training label of this run is wrong: there is no noise in its task.</Note>;
	return (
		<>
			<ul class="legend">
				{KINDS.map((kind, i) => (
					<li key={kind} style={{ "--mark": colors[i] }} data-kind={i} data-count={counts[i]}>
						{kind}: {whole(counts[i]!)}
					</li>
				))}
			</ul>
			<div class="pair">
				<Map
					{...{
						answers,
						kinds: kinds[index]!,
						look,
						step: steps[index]!,
						example: exampleOf(props),
					}}
					choose={props.change}
				/>
				<Strip {...props} kinds={kinds} />
				<Shares {...props} kinds={kinds} />
			</div>
			<One {...props} index={index} />
		</>
	);
}

function exampleOf({ answers, state }: Props): number {
	return state.example < answers.given.data.length ? state.example : 0;
}

function colorsOf({ rule, quiet, train, test, frequencies }: Look): string[] {
	return [rule, quiet, test, train, frequencies[2]!];
}

interface MapProps {
	answers: Answers;
	kinds: Uint8Array;
	look: Look;
	step: number;
	example: number;
	choose: (part: Partial<State>) => void;
}

/** All training examples, at their place among all pairs or one after the other. */
function Map({ answers, kinds, look, step, example, choose }: MapProps): JSX.Element {
	const { pairs, classes } = answers;
	const side = pairs ? classes : Math.ceil(Math.sqrt(kinds.length));
	const spot = (i: number) => (pairs ? pairs.data[2 * i]! * side + pairs.data[2 * i + 1]! : i);
	const draw = useCallback(
		(frame: Frame) => {
			const image = new ImageData(side, side);
			const colors = colorsOf(frame.look).map(rgb);
			kinds.forEach((kind, i) => image.data.set(colors[kind]!, spot(i) * 4));
			const box = square(frame);
			paint(frame.context, image, [box.left, box.top, box.right - box.left, box.bottom - box.top]);
			heading(
				frame,
				box.left,
				box.top - 5,
				pairs ? "training pairs: a down, b across" : "training examples",
			);
		},
		[answers, kinds],
	);
	const over = useCallback(
		(frame: Frame) => {
			const box = square(frame);
			const cell = (box.right - box.left) / side;
			const [down, across] = [Math.floor(spot(example) / side), spot(example) % side];
			frame.context.strokeStyle = frame.look.ink;
			frame.context.lineWidth = 2;
			const [x, y] = [box.left + across * cell - 3, box.top + down * cell - 3];
			frame.context.strokeRect(x, y, cell + 6, cell + 6);
		},
		[answers, example],
	);
	const pick = (x: number, width: number, y: number) => {
		const box = square({ width, height: HEIGHT });
		const cell = (box.right - box.left) / side;
		const asked = Math.floor((y - box.top) / cell) * side + Math.floor((x - box.left) / cell);
		const found = kinds.findIndex((_, i) => spot(i) === asked);
		if (found >= 0) choose({ example: found });
	};
	const told = countsOf(kinds).map((count, i) => `${KINDS[i]} ${whole(count)}`);
	const label = `Map of ${whole(kinds.length)} training examples at step ${whole(step)}: ${told.join(", ")}.`;
	const table = () => ({
		columns: [...(pairs ? ["a", "b"] : ["example"]), "given", "right", "kind"],
		rows: Array.from(kinds, (kind, i) => [
			...(pairs ? [pairs.data[2 * i]!, pairs.data[2 * i + 1]!] : [i]),
			answers.given.data[i]!,
			answers.truth.data[i]!,
			KINDS[kind]!,
		]),
	});
	return (
		<Picture
			name="corrupted-map"
			{...{ label, height: HEIGHT, look, draw, over, table, onPick: pick }}
		/>
	);
}

function square({ width, height }: { width: number; height: number }): Box {
	const size = Math.min(width - 8, height - 28); // a mark around a cell at the edge fits too
	return { left: 4, right: 4 + size, top: 24, bottom: 24 + size };
}

/** Each wrongly labelled example as a row, over the steps. */
function Strip({
	answers,
	kinds,
	state,
	look,
	pick,
}: Props & { kinds: Uint8Array[] }): JSX.Element {
	const steps = answers.steps.data;
	const last = steps.at(-1)!;
	const order = useMemo(() => byLastChange(answers, kinds), [answers, kinds]);
	const boxOf = ({ width, height }: { width: number; height: number }): Box => ({
		left: 4,
		right: width - 8,
		top: 24,
		bottom: height - 38,
	});
	const draw = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const x = stepScale(state.scale, last, box.left, box.right);
			const colors = colorsOf(frame.look).map(rgb);
			kinds.forEach((column, s) => {
				const image = new ImageData(1, order.length);
				order.forEach((example, i) => image.data.set(colors[column[example]!]!, i * 4));
				const end = s + 1 < steps.length ? x(steps[s + 1]!) : box.right;
				const wide = Math.max(1, end - x(steps[s]!)) + 0.5;
				paint(frame.context, image, [x(steps[s]!), box.top, wide, box.bottom - box.top]);
			});
			heading(frame, box.left, box.top - 5, "wrongly labelled examples, a row each");
			drawSteps(frame, box, state.scale, last);
		},
		[answers, kinds, order, state.scale],
	);
	const over = useCallback(
		(frame: Frame) => {
			const box = boxOf(frame);
			const at = stepScale(state.scale, last, box.left, box.right)(Math.min(last, state.step));
			frame.context.strokeStyle = look.ink;
			frame.context.setLineDash([4, 3]);
			line(frame.context, at, box.top, at, box.bottom);
		},
		[answers, state.scale, state.step, look],
	);
	const choose = (x: number, width: number) => {
		const box = boxOf({ width, height: HEIGHT });
		pick(Math.max(0, Math.min(last, stepScale(state.scale, last, box.left, box.right).invert(x))));
	};
	const ends = countsOf(kinds.at(-1)!);
	const label =
		`${whole(order.length)} wrongly labelled examples over ${steps.length} steps. In the end ` +
		`${KINDS.slice(2)
			.map((kind, i) => `${kind}: ${whole(ends[i + 2]!)}`)
			.join("; ")}.`;
	const table = () => ({
		columns: ["example", "given", "right", ...Array.from(steps, (step) => `answer at ${step}`)],
		rows: order.map((i) => [
			i,
			answers.given.data[i]!,
			answers.truth.data[i]!,
			...Array.from(steps, (_, s) => answers.answers.data[s * answers.given.data.length + i]!),
		]),
	});
	return (
		<Picture
			name="corrupted-strip"
			{...{ label, height: HEIGHT, look, draw, over, table, onPick: choose }}
		/>
	);
}

/** The same as shares of the wrongly labelled. */
function Shares({
	answers,
	kinds,
	state,
	look,
	pick,
}: Props & { kinds: Uint8Array[] }): JSX.Element {
	const series = useMemo(() => {
		const counts = kinds.map(countsOf);
		const colors = colorsOf(look);
		return ["as given", "rightly", "otherwise"].map((name, i) => ({
			name,
			color: colors[i + 2]!,
			values: counts.map((all) => all[i + 2]! / (all[2]! + all[3]! + all[4]!)),
		}));
	}, [kinds, look]);
	return (
		<Lines
			name="corrupted-shares"
			title="answers to wrong labels"
			kind="share"
			{...{ series, steps: answers.steps.data, step: state.step, scale: state.scale, look, pick }}
		/>
	);
}

/** One example: what it was given, what is right, and what the network has said. */
function One(props: Props & { index: number }) {
	const { answers, index, change } = props;
	const example = exampleOf(props);
	const count = answers.given.data.length;
	const steps = answers.steps.data;
	const at = (s: number) => answers.answers.data[s * count + example]!;
	const said: string[] = [];
	for (let s = 0; s < steps.length; s++) {
		if (s === 0 || at(s) !== at(s - 1)) said.push(`${at(s)} from step ${whole(steps[s]!)}`);
	}
	const { pairs } = answers;
	const name = pairs
		? `a = ${pairs.data[2 * example]}, b = ${pairs.data[2 * example + 1]}`
		: `example ${example}`;
	return (
		<>
			<label class="measure">
				training example{" "}
				<input
					type="number"
					min={0}
					max={count - 1}
					value={example}
					onKeyDown={(event) => event.stopPropagation()}
					onInput={(event) => change({ example: Number(event.currentTarget.value) || 0 })}
				/>
			</label>
			<p class="key" aria-live="polite" data-example={example}>
				{name}: the label given is {answers.given.data[example]}, the right one{" "}
				{answers.truth.data[example]}, the answer at this step {at(index)}. It has changed{" "}
				{whole(said.length - 1)} times: {said.slice(-8).join(", ")}
				{said.length > 8 && " (the last eight)"}. Of all examples {percent(agreed(answers, index))}{" "}
				are answered as labelled.
			</p>
		</>
	);
}

function agreed(answers: Answers, index: number): number {
	const given = answers.given.data;
	const from = index * given.length;
	let count = 0;
	for (let i = 0; i < given.length; i++)
		count += Number(answers.answers.data[from + i] === given[i]);
	return count / given.length;
}

function rgb(color: string): number[] {
	return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)).concat(255);
}
