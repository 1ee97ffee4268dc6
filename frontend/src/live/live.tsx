// What is shown of a bundle that can be replaced, and of a store that can be trained into.

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { type Bundle, parseBundle } from "../bundle.ts";
import { type Model, useValue } from "../host.ts";
import { Note } from "../picture.tsx";
import { type Answers, FIRST, TrainingForm } from "./form.tsx";
import { TrainingBar } from "./bar.tsx";

interface Props {
	model: Model;
	css: string;
	children: (bundle: Bundle) => JSX.Element;
}

/** The views of a model's bundle, whichever it is now, below what its server tells. */
export function Live({ model, css, children }: Props): JSX.Element {
	const bytes = useValue(model, "bundle");
	const news = useValue(model, "news");
	const [answers, setAnswers] = useState<Answers>(FIRST);
	const { bundle, wrong } = useMemo(() => parsed(bytes), [bytes]);
	const colors = bundle?.colors.map(declarations);
	return (
		<>
			<style>
				{css}
				{colors &&
					`.flyroom{${colors[0]}}@media (prefers-color-scheme: dark){.flyroom{${colors[1]}}}`}
			</style>
			{news && <TrainingBar {...{ model, news }} />}
			{news?.state === "absent" && <TrainingForm {...{ model, news, answers, setAnswers }} />}
			{wrong && (
				<p class="note" role="alert">
					{wrong}
				</p>
			)}
			{bundle && news?.state !== "absent" && <Shown bundle={bundle}>{children}</Shown>}
			{!bundle && !wrong && news?.state !== "absent" && (
				<Note>
					{news?.state === "gone"
						? "This page is empty until its server answers."
						: "The runs are on their way: the first picture comes once the first steps are recorded."}
				</Note>
			)}
		</>
	);
}

function Shown({ bundle, children }: { bundle: Bundle; children: Props["children"] }) {
	if (!bundle.runs.length) return <Note>There is no run here. Choose a store that has some.</Note>;
	return children(bundle);
}

function parsed(bytes: DataView | null): { bundle?: Bundle; wrong?: string } {
	if (!bytes?.byteLength) return {};
	try {
		const { buffer, byteOffset, byteLength } = bytes;
		const bundle = parseBundle(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
		return { bundle };
	} catch (error) {
		return { wrong: (error as Error).message };
	}
}

function declarations(colors: Record<string, string>): string {
	return Object.entries(colors)
		.map(([name, color]) => `--${name}:${color}`)
		.join(";");
}
