"""The smallest change of gate weights that makes a pair's scores equal, as a linear programme solved by SciPy (HiGHS).

Written from the definition; nothing of the C++ code is used. With shares c and r of the two sides and rewards a and b:

    minimise sum |x| / 2   subject to   sum x = 0,  c + x >= 0,  r + x >= 0,  (c + x) . a = (r + x) . b
"""

import json
import pathlib
from importlib.metadata import version

import numpy as np
import scipy.optimize

for name, want in {"scipy": "1.17.1", "numpy": "2.4.6"}.items():
    assert version(name) == want, f"{name} {version(name)} != {want}, pinned in requirements.txt"
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/eval/gate_flip.json"


def solve(c, r, a, b):
    """Variables: up and down, x = up - down."""
    k = len(c)
    eye = np.eye(k)
    result = scipy.optimize.linprog(
        c=np.full(2 * k, 0.5),
        A_ub=np.vstack([np.hstack([-eye, eye]), np.hstack([-eye, eye])]), b_ub=np.concatenate([c, r]),
        A_eq=np.vstack([np.concatenate([np.ones(k), -np.ones(k)]), np.concatenate([a - b, b - a])]),
        b_eq=np.array([0.0, r @ b - c @ a]), bounds=(0, None), method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10})
    assert result.status in (0, 2), result.message
    return float(result.fun) if result.status == 0 else None


def case(rng, k, differing, shift, concentration):
    c = rng.dirichlet(np.full(k, concentration))
    r = rng.dirichlet(np.full(k, concentration)) if differing else c
    a, b = rng.normal(0.5 + shift, 0.2, size=k), rng.normal(0.5, 0.2, size=k)
    return {"chosen_gate": c.tolist(), "rejected_gate": r.tolist(), "chosen_debiased": a.tolist(),
            "rejected_debiased": b.tolist(), "moved": solve(c, r, a, b)}


def main():
    rng = np.random.default_rng(21)
    cases = [case(rng, k, differing, shift, concentration)
             for k in (1, 2, 3, 5, 19, 40) for differing in (False, True) for shift in (-0.1, 0.0, 0.05, 0.9)
             for concentration in (0.2, 3.0)]
    solvable = sum(c["moved"] is not None for c in cases)
    assert solvable > 30 and len(cases) - solvable > 15, (solvable, len(cases))
    OUT.write_text(json.dumps({"scipy": version("scipy"), "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
