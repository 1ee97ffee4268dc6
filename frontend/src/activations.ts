// What neurons can do, by the names that flyroom has for it.

const KNOWN: Record<string, (x: number) => number> = {
	relu: (x) => (x > 0 ? x : 0),
	absolute: Math.abs,
	square: (x) => x * x,
	gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
	tanh: Math.tanh,
	identity: (x) => x,
	sine: Math.sin,
	monomial_3: (x) => x * x * x,
	monomial_4: (x) => x ** 4,
};
const POWER = /^monomial_(\d{1,3})$/;

/** Those that a reader can choose from. */
export const ACTIVATIONS = Object.keys(KNOWN);

/** The function of that name, if the page knows it. */
export function activationOf(name: string): ((x: number) => number) | undefined {
	if (Object.hasOwn(KNOWN, name)) return KNOWN[name];
	const power = POWER.exec(name)?.[1];
	return power === undefined ? undefined : (x) => x ** Number(power);
}

/** erf(x) = 2/√π e^(−x²) Σ 2ⁿ x^(2n + 1) / (1·3·…·(2n + 1)), all of whose terms have one sign. */
function erf(x: number): number {
	if (Math.abs(x) > 6) return Math.sign(x); // to the last digit
	let [term, sum] = [x, x];
	for (let n = 1; Math.abs(term) > 1e-16 * Math.abs(sum); n++) {
		term *= (2 * x * x) / (2 * n + 1);
		sum += term;
	}
	return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
