import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type Model, type News, useValue } from "../host.ts";

const WORDS: Record<News["state"], string> = {
	absent: "not trained yet",
	training: "training",
	stopping: "stopping: what was done is written down",
	unfinished: "interrupted",
	elsewhere: "another process trains it",
	finished: "finished",
	gone: "the server does not answer: is it still running?",
};

/** What becomes of the store, and what can be done about it. */
export function TrainingBar({ model, news }: { model: Model; news: News }): JSX.Element {
	const [refused, setRefused] = useState("");
	const [budget, setBudget] = useState("");
	const ask = async (name: "resume" | "stop", body: unknown) => {
		setRefused("");
		try {
			await model.post!(name, body);
		} catch (error) {
			setRefused((error as Error).message);
		}
	};
	const steps = Number(budget);
	const resume = (event: Event) => {
		event.preventDefault();
		void ask("resume", budget ? { steps } : {});
	};
	const wrong = refused || (news.state === "absent" ? "" : news.error); // the form says it there
	const { state } = news;
	return (
		<section class="training" aria-label="Training" data-training={state}>
			<p role="status">
				<span class="lamp" aria-hidden="true" />
				<strong>{news.store}</strong> <span>{WORDS[state]}</span>
				{["training", "stopping", "elsewhere"].includes(state) && news.said && (
					<span class="said"> · {news.said}</span>
				)}
			</p>
			{state === "training" && (
				<button type="button" onClick={() => void ask("stop", {})}>
					stop
				</button>
			)}
			{(state === "training" || state === "elsewhere") && <Follow model={model} />}
			{(state === "unfinished" || state === "finished") && (
				<form onSubmit={resume}>
					<label>
						{state === "finished" ? "go on to step" : "to step"}{" "}
						<input
							inputMode="numeric"
							pattern="[0-9]{1,12}"
							required={state === "finished"}
							placeholder={state === "finished" ? "100000" : "its budget"}
							value={budget}
							onInput={(event) => setBudget(event.currentTarget.value)}
						/>
					</label>
					<button type="submit">resume</button>
				</form>
			)}
			{wrong && (
				<p class="note" role="alert">
					{wrong}
				</p>
			)}
		</section>
	);
}

/** Goes to the newest step, and on with it, where the reader has gone to another one. */
function Follow({ model }: { model: Model }) {
	const parts = new URLSearchParams(useValue(model, "state"));
	if (!parts.has("step")) return null;
	const follow = () => {
		parts.delete("step");
		model.set("state", parts.toString());
		model.save_changes();
	};
	return (
		<button type="button" onClick={follow}>
			follow the newest step
		</button>
	);
}
