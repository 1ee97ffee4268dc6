import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Missing } from "../bundle.ts";
import { type Look, Note } from "../picture.tsx";
import type { State } from "../state.ts";
import type { Progress } from "../sweep.ts";
import { Lines } from "./lines.tsx";

interface Props {
	progress: Progress | Missing;
	state: State;
	look: Look;
	pick: (step: number) => void;
}

/** How few frequencies there are, and what the logits are worth with the key ones alone or without. */
export function ProgressMeasures({ progress, ...shared }: Props): JSX.Element {
	if (!("steps" in progress)) return <Note>{progress.why}</Note>;
	return <Measures {...{ progress, ...shared }} />;
}

function Measures({ progress, state, look, pick }: Props & { progress: Progress }): JSX.Element {
	const gini = useMemo(
		() => [{ name: "Gini", color: look.frequencies[0]!, values: progress.gini.data }],
		[progress, look],
	);
	const losses = useMemo(
		() =>
			(["restricted", "excluded"] as const).flatMap((name, i) => {
				const values = progress[name]?.data;
				return values ? [{ name, color: look.frequencies[i + 1]!, values }] : [];
			}),
		[progress, look],
	);
	const shared = { steps: progress.steps.data, step: state.step, scale: state.scale, look, pick };
	return (
		<>
			<div class="pair">
				<Lines name="gini" title="Gini of the frequencies" kind="share" series={gini} {...shared} />
				{losses.length > 0 && (
					<Lines
						name="progress"
						title="cross-entropy (nat)"
						kind="log"
						series={losses}
						{...shared}
					/>
				)}
			</div>
			<p class="key">
				Gini is 0% where all frequencies have the same amplitude in the input weights, and near 100%
				where few have all.
				{losses.length > 0 &&
					` Restricted: the loss on all pairs if of the logits nothing but waves of a + b of the ` +
						`frequencies ${progress.keys.join(", ")} were left. Excluded: the loss on training pairs ` +
						`without these.`}
			</p>
			{progress.why && <Note>{progress.why}</Note>}
		</>
	);
}
