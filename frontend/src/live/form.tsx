// The form of a training, made from the fields that the server tells.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Model, News } from "../host.ts";
import { whole } from "../words.ts";
import { hint } from "./hint.ts";

export interface Answers {
	recipe: string;
	set: Record<string, string>;
	over: Record<string, string>;
}

interface Field {
	path: string;
	kind: "shape" | "leaf" | "host";
	value: string;
	options: string[] | null;
	words: string;
	bounds: string;
}

interface Form {
	recipes: { name: string; words: string }[];
	fields: Field[];
	runs: number;
	command: string[];
}

/** Weights are kept on the way, for there is little to look at without. */
export const FIRST: Answers = {
	recipe: "pair-mod67",
	set: { "keep.per_octave": "8" },
	over: {},
};
const PLAIN = ["steps", "seed", "keep.per_octave"]; // what most will want to change of a recipe
const NOUNS = ["task", "model", "optimizer", "loss"];

interface Props {
	model: Model;
	news: News;
	answers: Answers;
	setAnswers: (answers: Answers) => void;
}

/** What is to be trained: a recipe, and whatever is to be different of it. */
export function TrainingForm({ model, news, answers, setAnswers }: Props): JSX.Element {
	const { form, wrong, setWrong } = useForm(model, answers);
	const start = async (event: Event) => {
		event.preventDefault();
		try {
			await model.post!("start", answers);
		} catch (error) {
			setWrong((error as Error).message);
		}
	};
	const put = (path: string, text: string) => setAnswers(changed(answers, path, text));
	const told = wrong || news.error;
	if (!form) return <p class="note">{told || "The form is on its way …"}</p>;
	const rest = form.fields.filter(({ path }) => !NOUNS.includes(path.split(".")[0]!));
	const shared = { answers, put };
	return (
		<form class="start" aria-label="Train" onSubmit={start}>
			<h1>Train {news.store}</h1>
			<label class="field">
				<span>recipe</span>
				<select
					value={answers.recipe}
					onChange={(event) => setAnswers({ ...FIRST, recipe: event.currentTarget.value })}
				>
					{form.recipes.map(({ name }) => (
						<option key={name}>{name}</option>
					))}
				</select>
				<small>{form.recipes.find(({ name }) => name === answers.recipe)?.words}</small>
			</label>
			<div class="nouns">
				{NOUNS.map((noun) => (
					<Noun key={noun} noun={noun} fields={form.fields} {...shared} />
				))}
				<fieldset>
					<legend>training</legend>
					<Fields fields={rest.filter(({ path }) => PLAIN.includes(path))} {...shared} />
					<details>
						<summary>more</summary>
						<Fields fields={rest.filter(({ path }) => !PLAIN.includes(path))} {...shared} />
					</details>
				</fieldset>
				<Axes {...{ answers, setAnswers }} paths={form.fields.map(({ path }) => path)} />
			</div>
			<footer>
				<pre class="command" aria-label="The same in the shell">
					flyroom train {[...form.command, "--store", news.store].map(quoted).join(" ")}
				</pre>
				{told && (
					<p class="note" role="alert">
						{told}
					</p>
				)}
				<button type="submit" class="go" disabled={wrong !== ""}>
					start {whole(form.runs)} {form.runs === 1 ? "run" : "runs"}
				</button>
			</footer>
		</form>
	);
}

/** The form as the server makes it of the answers, and what it says is wrong with them. */
function useForm(model: Model, answers: Answers) {
	const [form, setForm] = useState<Form>();
	const [wrong, setWrong] = useState("");
	const asked = useRef(0);
	useEffect(() => {
		const number = ++asked.current;
		const latest = (tell: () => void) => number === asked.current && tell();
		model.post!("form", answers).then(
			(found) =>
				latest(() => {
					setForm(found as Form);
					setWrong("");
				}),
			(error: Error) => latest(() => setWrong(error.message)),
		);
	}, [model, answers]);
	return { form, wrong, setWrong };
}

/** The answers with another one; a new noun brings its own fields. */
export function changed(answers: Answers, path: string, text: string): Answers {
	const kept = Object.entries(answers.set).filter(
		([other]) => other !== path && !other.startsWith(`${path}.`),
	);
	return { ...answers, set: { ...Object.fromEntries(kept), ...(text && { [path]: text }) } };
}

function quoted(word: string): string {
	return /^[\w.,:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

interface Shared {
	answers: Answers;
	put: (path: string, text: string) => void;
}

function Noun({ noun, fields, ...shared }: Shared & { noun: string; fields: Field[] }) {
	const own = fields.filter(({ path }) => path.startsWith(`${noun}.`));
	const some = own.some(({ path }) => path in shared.answers.set);
	return (
		<fieldset>
			<legend>{noun}</legend>
			<Fields fields={fields.filter(({ path }) => path === noun)} {...shared} />
			{own.length > 0 && (
				<details open={some || noun === "task"}>
					<summary>{own.length === 1 ? "its field" : `its ${own.length} fields`}</summary>
					<Fields fields={own} {...shared} />
				</details>
			)}
		</fieldset>
	);
}

function Fields({ fields, answers, put }: Shared & { fields: Field[] }) {
	return (
		<>
			{fields.map((field) => (
				<OneField key={field.path} {...{ field, put }} given={answers.set[field.path]} />
			))}
		</>
	);
}

interface OneProps {
	field: Field;
	given: string | undefined;
	put: Shared["put"];
}

/** Emptied, a field is as the recipe has it. */
function OneField({ field, given, put }: OneProps) {
	const { path, value, options, words, bounds } = field;
	const shown = given ?? value;
	const [text, setText] = useState(shown); // what is being typed outlives an answer of the server
	useEffect(() => setText(shown), [shown]);
	const give = (event: Event) => put(path, (event.currentTarget as HTMLInputElement).value.trim());
	const shared = { name: path, "data-changed": given !== undefined, onChange: give };
	const [first, ...inner] = path.split(".");
	const label = NOUNS.includes(first!) && inner.length ? inner : [first!, ...inner];
	return (
		<label class="field">
			<span>{label.join(" · ").replaceAll("_", " ")}</span>
			{options ? (
				<select {...shared} value={shown}>
					{options.map((one) => (
						<option key={one}>{one}</option>
					))}
				</select>
			) : (
				<input
					{...shared}
					value={text}
					onInput={(event) => setText(event.currentTarget.value)}
					autocomplete="off"
					spellcheck={false}
				/>
			)}
			<small title={words}>{hint(words, bounds)}</small>
		</label>
	);
}

interface AxesProps {
	answers: Answers;
	setAnswers: (answers: Answers) => void;
	paths: string[];
}

/** What is swept over: every combination of the values of all axes is a run. */
function Axes({ answers, setAnswers, paths }: AxesProps) {
	const [path, setPath] = useState("seed");
	const [text, setText] = useState("0:4");
	const add = () => setAnswers({ ...answers, over: { ...answers.over, [path]: text.trim() } });
	const without = (gone: string) => {
		const left = Object.entries(answers.over).filter(([one]) => one !== gone);
		setAnswers({ ...answers, over: Object.fromEntries(left) });
	};
	return (
		<fieldset>
			<legend>sweep over</legend>
			{Object.entries(answers.over).map(([one, values]) => (
				<p key={one}>
					<code>
						{one} = {values}
					</code>{" "}
					<button type="button" aria-label={`no axis ${one}`} onClick={() => without(one)}>
						×
					</button>
				</p>
			))}
			<label class="field">
				<span>field</span>
				<select value={path} onChange={(event) => setPath(event.currentTarget.value)}>
					{paths.map((one) => (
						<option key={one}>{one}</option>
					))}
				</select>
			</label>
			<label class="field">
				<span>values</span>
				<input
					value={text}
					onInput={(event) => setText(event.currentTarget.value)}
					autocomplete="off"
				/>
				<small>A list such as 0.1,0.3,1 or a range such as 0:4. Every combination is a run.</small>
			</label>
			<button type="button" disabled={!text.trim()} onClick={add}>
				add this axis
			</button>
		</fieldset>
	);
}
