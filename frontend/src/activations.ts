// What neurons can do, by the names that flyroom has for it.

const KNOWN: Record<string, (x: number) => number> = {
	relu: (x) => (x > 0 ? x : 0),
	absolute: Math.abs,
	square: (x) => x * x,
	gelu: (x) => (x / 2) * erfc(-x / Math.SQRT2),
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

/**
 * 1 − erf(x), to a relative error of 1.2e-7.
 *
 * W. H. Press et al., Numerical Recipes in C, 2nd edition, section 6.2: the Chebyshev fit `erfcc`.
 */
function erfc(x: number): number {
	const t = 1 / (1 + Math.abs(x) / 2);
	const terms = [
		-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398,
		1.48851587, -0.82215223, 0.17087277,
	];
	let sum = 0;
	for (let i = terms.length - 1; i >= 0; i--) sum = sum * t + terms[i]!;
	const tail = t * Math.exp(-x * x + sum);
	return x >= 0 ? tail : 2 - tail;
}
