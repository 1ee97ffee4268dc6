"""Questions about a network at one step, and about whole runs."""

from ._weights import (
    answer_matrix as answer_matrix,
    has_tables as has_tables,
    input_tables as input_tables,
    output_matrix as output_matrix,
    reads_tokens as reads_tokens,
)
from .answers import accuracy as accuracy, with_activation as with_activation
from .comparisons import LogRank as LogRank, logrank as logrank
from .corruption import (
    corrected_accuracy as corrected_accuracy,
    corrupted_accuracy as corrupted_accuracy,
)
from .diagrams import next_cells as next_cells, phase_diagram as phase_diagram
from .dynamics import (
    loss_oscillation as loss_oscillation,
    loss_spikes as loss_spikes,
    slingshots as slingshots,
    softmax_collapse as softmax_collapse,
)
from .estimates import Estimate as Estimate, bootstrap as bootstrap
from .geometry import (
    class_separation as class_separation,
    implied_accuracy as implied_accuracy,
    local_complexity as local_complexity,
    principal_components as principal_components,
    representation_quality as representation_quality,
    silhouette as silhouette,
    t_sne as t_sne,
    weight_density as weight_density,
)
from .groups import (
    character_similarity as character_similarity,
    coset_concentration as coset_concentration,
    irrep_shares as irrep_shares,
)
from .landscape import (
    commutator_defect as commutator_defect,
    kernel_alignment as kernel_alignment,
    keskar_sharpness as keskar_sharpness,
    local_learning_coefficient as local_learning_coefficient,
    sharpness as sharpness,
    tangent_kernel as tangent_kernel,
)
from .logits import (
    activation_frequencies as activation_frequencies,
    excluded_loss as excluded_loss,
    logit_periodicity as logit_periodicity,
    restricted_loss as restricted_loss,
)
from .margins import (
    group_norm as group_norm,
    largest_group_margin as largest_group_margin,
    largest_parity_margin as largest_parity_margin,
    largest_quadratic_margin as largest_quadratic_margin,
    normalized_margin as normalized_margin,
    output_margins as output_margins,
)
from .norms import (
    last_layer_norm as last_layer_norm,
    relative_movement as relative_movement,
    spectral_norm as spectral_norm,
)
from .pairs import Paired as Paired, paired as paired
from .phases import (
    phase_doshi as phase_doshi,
    phase_liu as phase_liu,
    phase_nanda as phase_nanda,
    phase_pair as phase_pair,
)
from .prediction import (
    auroc as auroc,
    concordance as concordance,
    false_alarms as false_alarms,
    prediction_table as prediction_table,
)
from .scaling import ScalingLaw as ScalingLaw, scaling_law as scaling_law
from .sparsity import (
    agreement as agreement,
    distractor_mass as distractor_mass,
    effective_sparsity as effective_sparsity,
    gini as gini,
    input_mass as input_mass,
    inverse_participation_ratio as inverse_participation_ratio,
    kept_neurons as kept_neurons,
    neuron_norms as neuron_norms,
)
from .spectra import (
    embedding_gini as embedding_gini,
    key_frequencies as key_frequencies,
    neuron_frequencies as neuron_frequencies,
    neuron_ipr as neuron_ipr,
    neuron_power as neuron_power,
    neuron_power_share as neuron_power_share,
    pair_neuron_frequencies as pair_neuron_frequencies,
    phase_doubling as phase_doubling,
    prominent_frequencies as prominent_frequencies,
    wave_order as wave_order,
)
from .stages import (
    circuit_stages as circuit_stages,
    milestones as milestones,
    settled_step as settled_step,
)
from .survival import (
    by_setting as by_setting,
    censored_data as censored_data,
    median_time as median_time,
    survival as survival,
    time_table as time_table,
)
from .symmetry import (
    circularity as circularity,
    distance_irrelevance as distance_irrelevance,
    embedding_circles as embedding_circles,
    gradient_symmetricity as gradient_symmetricity,
    isolated_circles as isolated_circles,
)
from .timing import (
    describe_times as describe_times,
    first_step as first_step,
    generalization_step as generalization_step,
    grokking_delay as grokking_delay,
    memorization_step as memorization_step,
    onset_step as onset_step,
    recovery_step as recovery_step,
)
