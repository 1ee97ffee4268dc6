// Products of matrices whose rows are long, four rows at a time.

/** result[i, j] = Σ_r left[i, r] right[j, r]. */
export function multiply(
	left: Float64Array,
	right: Float64Array,
	result: Float64Array,
	rows: number,
	columns: number,
	length: number,
) {
	for (let i = 0; i < rows; i++) {
		const l = i * length;
		let j = 0;
		for (; j + 3 < columns; j += 4) {
			const r = j * length;
			let [s0, s1, s2, s3] = [0, 0, 0, 0];
			for (let k = 0; k < length; k++) {
				const x = left[l + k]!;
				s0 += x * right[r + k]!;
				s1 += x * right[r + length + k]!;
				s2 += x * right[r + 2 * length + k]!;
				s3 += x * right[r + 3 * length + k]!;
			}
			const at = i * columns + j;
			result[at] = s0;
			result[at + 1] = s1;
			result[at + 2] = s2;
			result[at + 3] = s3;
		}
		for (; j < columns; j++) {
			let sum = 0;
			for (let k = 0; k < length; k++) sum += left[l + k]! * right[j * length + k]!;
			result[i * columns + j] = sum;
		}
	}
}

/** result[i, r] += Σ_j factor(i, j) right[j, r], where factor(i, j) is at i · down + j · along. */
export function spread(
	factors: Float64Array,
	right: Float64Array,
	result: Float64Array,
	rows: number,
	columns: number,
	length: number,
	down: number,
	along: number,
) {
	for (let i = 0; i < rows; i++) {
		const at = i * length;
		let j = 0;
		for (; j + 3 < columns; j += 4) {
			const f = i * down + j * along;
			const [f0, f1] = [factors[f]!, factors[f + along]!];
			const [f2, f3] = [factors[f + 2 * along]!, factors[f + 3 * along]!];
			const r = j * length;
			for (let k = 0; k < length; k++) {
				result[at + k]! +=
					f0 * right[r + k]! +
					f1 * right[r + length + k]! +
					f2 * right[r + 2 * length + k]! +
					f3 * right[r + 3 * length + k]!;
			}
		}
		for (; j < columns; j++) {
			const f = factors[i * down + j * along]!;
			for (let k = 0; k < length; k++) result[at + k]! += f * right[j * length + k]!;
		}
	}
}
