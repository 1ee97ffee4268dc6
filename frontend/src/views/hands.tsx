import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { STRONG } from "../axes.ts";
import { onCircle, type Place } from "../circle.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import { placed } from "../tables.ts";
import { short } from "../words.ts";
import { square } from "./plane.tsx";

const HEIGHT = 320;

interface Props {
	a: number;
	b: number;
	p: number;
	frequency: number;
	look: Look;
}

/** A picture's square as a dial: places to pixels, and arcs, with angles as on a clock. */
function dial(frame: Frame) {
	const { x, y, half } = square(frame, 26);
	const { context } = frame;
	const at = ({ up, right }: Place) => [x + right * half, y - up * half] as const;
	const turned = (angle: number) => angle - Math.PI / 2;
	return {
		at,
		arc(radius: number, from: number, to: number, color: string, width: number) {
			context.strokeStyle = color;
			context.lineWidth = width;
			context.beginPath();
			context.arc(x, y, radius * half, turned(from), turned(to));
			context.stroke();
		},
		wedge(from: number, to: number) {
			context.beginPath();
			context.moveTo(x, y);
			context.arc(x, y, half, turned(from), turned(to));
			context.closePath();
			context.fill();
		},
		hand(to: Place, color: string, width: number) {
			context.strokeStyle = color;
			context.lineWidth = width;
			context.lineCap = "round";
			context.beginPath();
			context.moveTo(x, y);
			context.lineTo(...at(to));
			context.stroke();
			context.lineCap = "butt";
		},
		dot(place: Place, color: string, radius: number) {
			context.fillStyle = color;
			context.beginPath();
			context.arc(...at(place), radius, 0, 2 * Math.PI);
			context.fill();
		},
		write(text: string, place: Place, color: string) {
			context.fillStyle = color;
			context.textAlign = "center";
			context.textBaseline = "middle";
			context.fillText(text, ...at(place));
		},
	};
}

/** Two angles that are added by turning one hand after the other. */
export function Clock({ a, b, p, frequency, look }: Props): JSX.Element {
	const turn = (2 * Math.PI * frequency) / p;
	const sum = (a + b) % p;
	const draw = useCallback(
		(frame: Frame) => {
			const face = dial(frame);
			face.arc(1, 0, 2 * Math.PI, look.quiet, 1);
			for (let c = 0; c < p; c++) face.dot(onCircle(turn * c), look.quiet, 2);
			const [first, both] = [(turn * a) % (2 * Math.PI), (turn * b) % (2 * Math.PI)];
			face.arc(0.3, 0, first, look.train, 3);
			face.arc(0.38, first, first + both, look.test, 3);
			face.hand(onCircle(turn * a, 0.85), look.train, 3);
			face.hand(onCircle(turn * b, 0.85), look.test, 3);
			face.hand(onCircle(turn * sum, 0.96), look.ink, 4);
			const named = new Map([
				[0, look.quiet],
				[a, look.train],
				[b, look.test],
				[sum, look.ink],
			]);
			frame.context.font = STRONG;
			for (const [token, color] of named) {
				face.dot(onCircle(turn * token), color, 4);
				face.write(`${token}`, onCircle(turn * token, 1.1), color);
			}
		},
		[a, b, p, frequency],
	);
	const degrees = (token: number) => `${Math.round((360 * ((token * frequency) % p)) / p)}°`;
	const label =
		`Clock of frequency ${frequency} modulo ${p}. The hand of ${a} stands at ${degrees(a)}, that of ${b} at ` +
		`${degrees(b)}; one turned on by the other stands at ${degrees(sum)}, which is ${sum}.`;
	const table = () =>
		placed([
			...tokens(p).map((c) => ["token", c, onCircle(turn * c)] as Part),
			["hand of a", a, onCircle(turn * a)],
			["hand of b", b, onCircle(turn * b)],
			["hand of the sum", sum, onCircle(turn * sum)],
		]);
	return <Picture name="clock" {...{ label, height: HEIGHT, look, draw, table }} />;
}

type Part = [string, number, Place];

function tokens(p: number): number[] {
	return Array.from({ length: p }, (_, c) => c);
}

/** Two points on the rim, the middle between them, and the slice in which that lies. */
export function Pizza({ a, b, p, frequency, look }: Props): JSX.Element {
	const turn = (2 * Math.PI * frequency) / p;
	const sum = (a + b) % p;
	const far = Math.cos((turn * (a - b)) / 2);
	const [x, y] = [onCircle(turn * a), onCircle(turn * b)];
	const middle = onCircle((turn * (a + b)) / 2, far);
	const draw = useCallback(
		(frame: Frame) => {
			const pie = dial(frame);
			const half = Math.PI / p / 2;
			frame.context.fillStyle = look.frequencies[2]!;
			for (const side of [0, Math.PI]) {
				const angle = (turn * sum) / 2 + side;
				pie.wedge(angle - half, angle + half);
			}
			pie.arc(1, 0, 2 * Math.PI, look.quiet, 1);
			for (let cut = 0; cut < 2 * p && p <= 128; cut++) {
				const angle = (Math.PI * cut) / p + half;
				pie.hand(onCircle(angle), look.rule, 0.6);
			}
			frame.context.strokeStyle = look.quiet;
			frame.context.setLineDash([3, 3]);
			frame.context.lineWidth = 1.2;
			frame.context.beginPath();
			frame.context.moveTo(...pie.at(x));
			frame.context.lineTo(...pie.at(y));
			frame.context.stroke();
			frame.context.setLineDash([]);
			pie.hand(x, look.train, 2);
			pie.hand(y, look.test, 2);
			pie.hand(middle, look.ink, 4);
			pie.dot(x, look.train, 5);
			pie.dot(y, look.test, 5);
			pie.dot(middle, look.ink, 4);
			frame.context.font = STRONG;
			pie.write(`${a}`, onCircle(turn * a, 1.1), look.train);
			if (a !== b) pie.write(`${b}`, onCircle(turn * b, 1.1), look.test);
			for (const side of [0, Math.PI]) {
				pie.write(`${sum}`, onCircle((turn * sum) / 2 + side, 1.1), look.ink);
			}
		},
		[a, b, p, frequency],
	);
	const label =
		`Pizza of frequency ${frequency}, cut into ${p} slices that go through the middle. ${a} and ${b} lie on the rim; ` +
		`the middle between them is ${short(Math.abs(far))} of the radius from the centre, in slice ${sum}.`;
	const table = () =>
		placed([
			["point a", a, x],
			["point b", b, y],
			["middle", sum, middle],
			...tokens(p).flatMap((c): Part[] => [
				["slice", c, onCircle((turn * c) / 2)],
				["slice beyond the centre", c, onCircle((turn * c) / 2 + Math.PI)],
			]),
		]);
	return <Picture name="pizza" {...{ label, height: HEIGHT, look, draw, table }} />;
}
