"""A LoRA step in PyTorch, transformers and PEFT: forward and the gradients of all adapters, eager, SDPA attention.

The output layer sees labelled positions only, which is less than `model(ids, labels=...)` computes: the step a careful
user writes by hand. torch.compile was measured beside it and is no faster.
"""
import os
import sys
import time
import traceback

import peft
import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, get_peft_model
from serve import serve
from transformers import AutoModelForCausalLM

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(1)
dtypes = {'fp32': torch.float32, 'bf16': torch.bfloat16}
targets_of_adapter = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
kept = {}


def model_of(folder, precision, rank):
    if kept.get('key') != (folder, precision, rank):
        kept.clear()
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtypes[precision], attn_implementation='sdpa')
        base.config.use_cache = False
        config = LoraConfig(r=rank, lora_alpha=4 * rank, target_modules=targets_of_adapter)
        kept.update(key=(folder, precision, rank), model=get_peft_model(base, config).train())
    return kept['model']


def step(model, ids, sources, targets):
    inner = model.get_base_model()
    hidden = inner.model(input_ids=ids).last_hidden_state[0]
    rows = hidden if len(sources) == len(hidden) else hidden[sources]
    loss = F.cross_entropy(inner.lm_head(rows).float(), targets)
    loss.backward()
    model.zero_grad(set_to_none=True)
    return loss


def prepared(folder, precision, rank, ids, sources, targets):
    given = (torch.tensor([ids]), torch.tensor(sources), torch.tensor(targets))
    return model_of(folder, precision, rank), *given


def loss(**work):
    return step(*prepared(**work)).item()


def speed(steps, **work):
    given = prepared(**work)
    step(*given)  # a side that waited for the other begins with cold caches, which a run of steps does not
    start = time.perf_counter()
    for _ in range(steps):
        step(*given)
    return steps * len(work['ids']) / (time.perf_counter() - start)


def memory(**work):
    """Largest resident size in MB over three steps, weights and libraries included.

    In a process of its own, forked before any model is loaded: one that has held a larger model keeps some of its memory.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(peak(work)).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with open(reading, encoding='ascii') as figure:
        megabytes = figure.read()
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError('the process that ran the steps failed; its messages are above')
    return float(megabytes)


def peak(work):
    given = prepared(**work)
    with open('/proc/self/clear_refs', 'w', encoding='ascii') as marks:
        marks.write('5')
    for _ in range(3):
        step(*given)
    with open('/proc/self/status', encoding='ascii') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmHWM')) / 1000


versions = {'torch': torch.__version__, 'transformers': transformers.__version__, 'peft': peft.__version__}
serve({'loss': loss, 'speed': speed, 'memory': memory}, versions=versions)
