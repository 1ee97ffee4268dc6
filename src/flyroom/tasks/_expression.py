"""Operations on residues, written as text: `a + b`, `a**2 + a*b`, `a / b if b % 2 else a - b`."""

import ast
from collections.abc import Callable

import numpy as np

from ..spec import SpecError

Residues = tuple[np.ndarray, np.ndarray]  # values in [0, p), and where they are defined

_ALLOWED = "a, b, whole numbers, + - * / % ** ( ), comparisons and `x if condition else y`"


def evaluate(text: str, a: np.ndarray, b: np.ndarray, p: int) -> Residues:
    """The value of `text` modulo `p` for every pair, and where it is defined.

    Division is multiplication with the modular inverse; a pair whose divisor has none is undefined.

    Raises:
        SpecError: `text` is not an expression in `a` and `b`.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise SpecError(f"operation `{text}` is not an expression; allowed: {_ALLOWED}.") from error
    return _value(tree, {"a": a, "b": b}, p, text)


def _value(node: ast.expr, names: dict[str, np.ndarray], p: int, text: str) -> Residues:
    everywhere = np.ones(len(names["a"]), bool)
    match node:
        case ast.Name(id=name) if name in names:
            return names[name] % p, everywhere
        case ast.Constant(value=int(number)):
            return np.full(len(everywhere), number % p), everywhere
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value, ok = _value(operand, names, p, text)
            return -value % p, ok
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if power >= 0:
            base, ok = _value(left, names, p, text)
            result = np.ones_like(base)
            for _ in range(power):
                result = result * base % p
            return result, ok
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            x, y = _value(left, names, p, text), _value(right, names, p, text)
            return _BINARY[type(op)](x, y, p)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            (c, c_ok), x, y = (_value(n, names, p, text) for n in (test, body, orelse))
            chosen = c != 0
            return np.where(chosen, x[0], y[0]), c_ok & np.where(chosen, x[1], y[1])
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            (x, x_ok), (y, y_ok) = _value(left, names, p, text), _value(right, names, p, text)
            return _COMPARE[type(op)](x, y).astype(np.int64), x_ok & y_ok
    raise SpecError(
        f"operation `{text}`: `{ast.unparse(node)}` has no meaning; allowed: {_ALLOWED}."
    )


def _divide(x: Residues, y: Residues, p: int) -> Residues:
    inverse = np.array([pow(d, -1, p) if np.gcd(d, p) == 1 else 0 for d in range(p)])
    # Modulo one, nothing but zero exists and it is its own inverse; p >= 2 is checked by the task.
    return x[0] * inverse[y[0]] % p, x[1] & y[1] & (np.gcd(y[0], p) == 1)


def _modulo(x: Residues, y: Residues, p: int) -> Residues:
    return x[0] % np.maximum(y[0], 1) % p, x[1] & y[1] & (y[0] > 0)


_BINARY: dict[type, Callable[[Residues, Residues, int], Residues]] = {
    ast.Add: lambda x, y, p: ((x[0] + y[0]) % p, x[1] & y[1]),
    ast.Sub: lambda x, y, p: ((x[0] - y[0]) % p, x[1] & y[1]),
    ast.Mult: lambda x, y, p: (x[0] * y[0] % p, x[1] & y[1]),
    ast.Div: _divide,
    ast.Mod: _modulo,
}
_COMPARE = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
