"""Who may talk to whom, by the policies as declared, and which rule says so. Pure.

policies = compile_policies(inventory, Engine.KUBERNETES)
parties = Parties(inventory)
verdict = evaluate(policies, Flow(parties.of_pod(a), parties.of_pod(b), Traffic(6, 80)))
"""

from skoop.policy.compile import compile_policies
from skoop.policy.decision import Basis, Decision, NearMiss, Outcome, PolicyVerdict
from skoop.policy.evaluate import decide
from skoop.policy.parties import Parties
from skoop.policy.party import Flow, NamedPort, Party, PartyKind, Traffic
from skoop.policy.rules import Action, Engine, Policy, PolicyRef, PolicySet, Rule, Tier, Way
from skoop.policy.verdict import evaluate

__all__ = [
    "Action",
    "Basis",
    "Decision",
    "Engine",
    "Flow",
    "NamedPort",
    "NearMiss",
    "Outcome",
    "Parties",
    "Party",
    "PartyKind",
    "Policy",
    "PolicyRef",
    "PolicySet",
    "PolicyVerdict",
    "Rule",
    "Tier",
    "Traffic",
    "Way",
    "compile_policies",
    "decide",
    "evaluate",
]
