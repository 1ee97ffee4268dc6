import { useCallback } from "preact/hooks";
import { clearance, heading, LINE } from "../axes.ts";
import type { Place } from "../circle.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";

interface Props {
	name: string;
	label: string;
	places: Place[]; // of all tokens
	frequency: number; // by which tokens are neighbours
	marked: number[]; // tokens that are named
	color: string;
	look: Look;
	title?: string;
	height?: number;
}

const LABELS = 40; // beyond which not every token is labelled

/** Tokens in a plane, neighbours on the circle of a frequency joined by a thin line. */
export function Plane({
	name,
	label,
	places,
	frequency,
	marked,
	color,
	look,
	title = "",
	height = 260,
}: Props) {
	const draw = useCallback(
		(frame: Frame) => drawPlane(frame, places, frequency, marked, color, title),
		[places, frequency, color, title, `${marked}`],
	);
	const table = () => ({
		columns: ["token", "cosine", "sine"],
		rows: places.map(({ up, right }, token) => [token, up, right]),
	});
	return <Picture {...{ name, label, height, look, draw, table }} />;
}

/** The middle and the half of a picture's square, with room for what is written around it. */
export function square({ width, height }: { width: number; height: number }, margin: number) {
	return { x: width / 2, y: height / 2, half: Math.min(width, height) / 2 - margin };
}

function drawPlane(
	frame: Frame,
	all: Place[],
	frequency: number,
	marked: number[],
	color: string,
	title: string,
) {
	const { context, look } = frame;
	if (title) heading(frame, 2, 18, title, color);
	const far = Math.max(...all.map(({ up, right }) => Math.hypot(up, right))) || 1;
	const top = title ? LINE : 0;
	const { x, y, half } = square({ ...frame, height: frame.height - top }, 26);
	const at = ({ up, right }: Place) =>
		[x + (right / far) * half, top + y - (up / far) * half] as const;
	context.strokeStyle = look.quiet;
	context.lineWidth = 0.6;
	context.beginPath();
	const turn = (token: number) => (token * frequency) % all.length;
	const order = all.map((_, token) => token).sort((a, b) => turn(a) - turn(b));
	for (const token of [...order, order[0]!]) context.lineTo(...at(all[token]!));
	context.stroke();
	all.forEach((place, token) => {
		const named = marked.includes(token);
		context.fillStyle = named ? look.ink : color;
		context.beginPath();
		context.arc(...at(place), named ? 5 : 3, 0, 2 * Math.PI);
		context.fill();
	});
	context.textBaseline = "middle";
	context.textAlign = "center";
	context.fillStyle = look.ink;
	const every = Math.ceil(all.length / LABELS);
	const isClear = clearance();
	order.forEach((token, index) => {
		if (marked.length ? !marked.includes(token) : index % every) return;
		const place = all[token]!;
		const distance = Math.hypot(place.up, place.right) || 1;
		const out = 1 + (0.13 * far) / distance;
		const [left, top] = at({ up: place.up * out, right: place.right * out });
		if (isClear(left, top)) context.fillText(`${token}`, left, top);
	});
}
