// A picture as a file: as it is drawn, or the numbers behind it.

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Context } from "svgcanvas/dist/svgcanvas.esm.js";
import { WORDS } from "./axes.ts";
import type { Draw, Look } from "./picture.tsx";
import { csv, type Table } from "./tables.ts";

const SHARP = 2; // pixels of a PNG for each of the page

interface Props {
	name: string;
	width: number;
	height: number;
	look: Look;
	draws: Draw[];
	table: () => Table;
}

/** The ways in which a picture can be saved, behind one button. */
export function Save(props: Props): JSX.Element {
	const place = useRef<HTMLDetailsElement>(null);
	const { name } = props;
	const save = (kind: string, make: () => Blob | Promise<Blob>) => (
		<button
			type="button"
			aria-label={`save ${name} as ${kind.toUpperCase()}`}
			onClick={async () => {
				download(await make(), `${name}.${kind}`);
				place.current!.open = false;
				place.current!.querySelector("summary")!.focus();
			}}
		>
			{kind.toUpperCase()}
		</button>
	);
	return (
		<details class="save" ref={place} onClick={(event) => event.stopPropagation()}>
			<summary aria-label={`save ${name}`} title="save">
				<span aria-hidden="true">⤓</span>
			</summary>
			{save("png", () => png(props, paperOf(place.current!)))}
			{save("svg", () => svg(props, paperOf(place.current!)))}
			{save("csv", () => sheet(props.table()))}
		</details>
	);
}

/** The numbers of something that is no picture. */
export function SaveTable({ name, table }: { name: string; table: () => Table }): JSX.Element {
	const save = () => download(sheet(table()), `${name}.csv`);
	return (
		<button type="button" class="quiet" onClick={save}>
			save {name} as CSV
		</button>
	);
}

function download(blob: Blob, file: string) {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = file;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function paperOf(element: HTMLElement): string {
	return getComputedStyle(element).getPropertyValue("--paper") || "#ffffff";
}

/** Everything that is drawn, on paper of the page's colour. */
function drawn(context: CanvasRenderingContext2D, props: Props, paper: string) {
	const { width, height, look, draws } = props;
	context.fillStyle = paper;
	context.fillRect(0, 0, width, height);
	for (const draw of draws) {
		context.save();
		context.font = WORDS;
		draw({ context, width, height, look });
		context.restore();
	}
}

function png(props: Props, paper: string): Promise<Blob> {
	const canvas = document.createElement("canvas");
	canvas.width = props.width * SHARP;
	canvas.height = props.height * SHARP;
	const context = canvas.getContext("2d")!;
	context.scale(SHARP, SHARP);
	drawn(context, props, paper);
	return new Promise((done) => canvas.toBlob((blob) => done(blob!)));
}

function svg(props: Props, paper: string): Blob {
	const context = new Context({ width: props.width, height: props.height });
	drawn(context, props, paper);
	// Cells of a heatmap are to keep their edges, as on the canvas.
	for (const image of context.getSvg().querySelectorAll("image")) {
		image.setAttribute("style", "image-rendering: pixelated");
		image.setAttribute("preserveAspectRatio", "none");
	}
	return new Blob([context.getSerializedSvg()], { type: "image/svg+xml" });
}

function sheet(table: Table): Blob {
	return new Blob([csv(table)], { type: "text/csv" });
}
