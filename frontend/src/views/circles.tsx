import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { clearance, heading } from "../axes.ts";
import { type Kept, row } from "../bundle.ts";
import { inPlane } from "../circle.ts";
import { colorOf, type Group, groups } from "../groups.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { type Star, stars } from "../stars.ts";
import { Plane } from "./plane.tsx";
import { percent, short, whole } from "../words.ts";

type Point = [number, number];

const HEIGHT = 300;
const EDGE = 28; // pixels around a figure, for labels
const FIGURES = 24; // frequencies of which there are pictures: more are slow to move through
const LABELS = 40; // beyond which not every token is labelled, and no neuron

interface Props {
	kept: Kept;
	index: number;
	look: Look;
}

/** Tokens in the plane of each key frequency, and what its neurons read and write as arrows. */
export function Circles({ kept, index, look }: Props): JSX.Element {
	if (!kept.tokens)
		return <Note>This network reads features, which stand in no order: there are no circles.</Note>;
	const all = groups(kept).filter(({ frequency }) => frequency > 0);
	if (!all.length) {
		return (
			<Note>
				No neuron is a wave of one frequency at the last step, so that there is no plane to look at.
				A run that has generalised, kept to its end, has some.
			</Note>
		);
	}
	const shown = [...all].sort((one, other) => other.neurons.length - one.neurons.length);
	const some = shown.slice(0, FIGURES);
	const doubling = kept.doubling?.data[index];
	return (
		<>
			{some.map((group) => (
				<Figures key={group.frequency} {...{ kept, index, look, group }} />
			))}
			<p class="key">
				{all.length > some.length &&
					`The ${some.length} of ${all.length} frequencies that have most neurons. `}
				Circles: each token’s {kept.channels ? "embedding" : "input weights"}
				{kept.w_in.shape[1]! > 1 && " as the first operand"}, projected on what is a cosine and what
				is a sine of the frequency; tokens are joined in the order in which it goes around. Stars:
				the amplitude and phase of each neuron’s wave.
				{hasInputs(kept) &&
					(kept.w_in.shape[1] === 1
						? " A ring is where the output’s phase would be if it were twice the input’s, as in a " +
							"perfect construction of a sum: what a neuron writes turns twice as fast as what it reads."
						: " A ring, of sums, is where the output’s phase would be if it were the sum of both " +
							"inputs’, as in a perfect construction.")}
				{doubling !== undefined &&
					!Number.isNaN(doubling) &&
					` Mean of cos(φ out − 2 φ in) at this step: ${short(doubling)}.`}
			</p>
		</>
	);
}

/** Whether neurons have input weights of their own: those of a transformer hear what heads mix. */
function hasInputs(kept: Kept): boolean {
	return !kept.channels;
}

function Figures({ kept, index, look, group }: Props & { group: Group }): JSX.Element {
	const { frequency, neurons } = group;
	const found = useMemo(() => stars(kept, index, group), [kept, index, group]);
	const color = colorOf(frequency, kept, look);
	const given = { look, color };
	return (
		<div class="figures">
			<Ring {...{ kept, index, look, frequency, color }} />
			{hasInputs(kept) && (
				<Arrows
					name={`star-in-${frequency}`}
					title={`read at ${frequency}`}
					{...{ ...given, neurons, star: found.read, expected: null }}
				/>
			)}
			{found.written && (
				<Arrows
					name={`star-out-${frequency}`}
					title={`written at ${frequency}`}
					{...{ ...given, neurons, star: found.written, expected: found.expected }}
				/>
			)}
		</div>
	);
}

interface RingProps extends Props {
	frequency: number;
	color: string;
}

function Ring({ kept, index, look, frequency, color }: RingProps): JSX.Element {
	const [, , tokens = 0, columns = 0] = kept.w_in.shape;
	const places = useMemo(
		() => inPlane(row(kept.w_in, index), tokens, columns, frequency),
		[kept, index, frequency],
	);
	const k = frequency - 1;
	const power = [...row(kept.power!, index)];
	const share = power[k]! / (power.reduce((sum, x) => sum + x, 0) || 1);
	const label =
		`${tokens} tokens in the plane of frequency ${frequency} at step ${whole(kept.steps.data[index]!)}: ` +
		`it holds ${percent(share)} of the power, and its shorter axis is ` +
		`${percent(row(kept.roundness!, index)[k]!)} of the longer one.`;
	const title = `frequency ${frequency}`;
	return (
		<Plane
			name={`circle-${frequency}`}
			{...{ label, places, frequency, marked: [], color, look, title, height: HEIGHT }}
		/>
	);
}

interface ArrowsProps {
	name: string;
	title: string;
	neurons: number[];
	star: Star;
	expected: number[] | null; // phases
	look: Look;
	color: string;
}

function Arrows({ name, title, neurons, star, expected, look, color }: ArrowsProps): JSX.Element {
	const draw = useCallback(
		(frame: Frame) => {
			const { context, look } = frame;
			const points = star.map(({ amplitude, phase }) => polar(amplitude, phase));
			const place = placer(frame, points);
			heading(frame, 2, 18, title, color);
			context.lineWidth = 2;
			points.forEach((point, i) => {
				context.strokeStyle = color;
				context.beginPath();
				context.moveTo(...place([0, 0]));
				context.lineTo(...place(point));
				context.stroke();
				context.fillStyle = color;
				dot(context, place(point), 3);
				if (expected) {
					context.strokeStyle = look.ink;
					context.beginPath();
					context.arc(...place(polar(star[i]!.amplitude, expected[i]!)), 6, 0, 2 * Math.PI);
					context.stroke();
				}
			});
			context.fillStyle = look.ink;
			context.textAlign = "center";
			context.textBaseline = "middle";
			if (neurons.length > LABELS) return;
			const isClear = clearance();
			points.forEach((point, i) => {
				const [x, y] = place(point, 16);
				if (isClear(x, y)) context.fillText(`${neurons[i]}`, x, y);
			});
		},
		[star, expected, name, color],
	);
	const told = neurons
		.slice(0, LABELS)
		.map((n, i) => `${n} at ${degrees(star[i]!.phase)}${said(expected?.[i])}`);
	const label = `Phases of the waves that neurons have, ${title}: neuron ${told.join(", ")}.`;
	const table = () => ({
		columns: ["neuron", "amplitude", "phase", ...(expected ? ["phase expected"] : [])],
		rows: star.map(({ amplitude, phase }, i) => [
			neurons[i]!,
			amplitude,
			phase,
			...(expected ? [expected[i]!] : []),
		]),
	});
	return <Picture {...{ name, label, height: HEIGHT, look, draw, table }} />;
}

function said(phase: number | undefined): string {
	return phase === undefined ? "" : ` (twice the input’s: ${degrees(phase)})`;
}

function degrees(phase: number): string {
	return `${Math.round((((phase * 180) / Math.PI) % 360) + 360) % 360}°`;
}

function polar(amplitude: number, phase: number): Point {
	return [amplitude * Math.cos(phase), amplitude * Math.sin(phase)];
}

/** Where a point lies in the picture, whose middle is zero; or so many pixels farther out. */
function placer({ width, height }: Frame, points: Point[]) {
	const size = Math.max(...points.map(([x, y]) => Math.hypot(x, y))) || 1;
	const [middle, top] = [width / 2, 18];
	const scale = Math.max(1, Math.min(width, height - top) / 2 - EDGE) / size;
	return ([x, y]: Point, beyond = 0): Point => {
		const far = Math.hypot(x, y) || 1;
		const out = scale + beyond / far;
		return [middle + x * out, (height + top) / 2 - y * out];
	};
}

function dot(context: CanvasRenderingContext2D, [x, y]: Point, radius: number) {
	context.beginPath();
	context.arc(x, y, radius, 0, 2 * Math.PI);
	context.fill();
}
