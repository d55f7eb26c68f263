"""TRL's SFTTrainer and DPOTrainer with a LoRA adapter of PEFT.

    python train.py ROWS.json

ROWS.json holds the model's shape and the rows as token ids, so that both sides train on the same tokens. A measure trains
some steps of 4 rows after one that does not count, and returns tokens without padding per second; a pair's prompt counts
with both completions, as TRL's num_tokens does. Data preparation, reference log-probabilities and the start of
the trainer are not measured.
"""
import os

os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('TQDM_DISABLE', '1')

import importlib.metadata
import json
import sys
import tempfile
import time

import torch
from datasets import Dataset
from peft import LoraConfig
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from serve import serve

torch.set_num_threads(2)
torch.manual_seed(0)
with open(sys.argv[1], encoding='utf-8') as file:
    given = json.load(file)

rows_per_step = 4


def tokenizer():
    vocabulary = {'<pad>': 0, '<s>': 1, '</s>': 2} | {f't{i}': i for i in range(3, given['shape']['vocab_size'])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token='<pad>'))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token='<pad>', bos_token='<s>', eos_token='</s>')


def model(dtype):
    config = LlamaConfig(**{k: v for k, v in given['shape'].items() if k not in ('architectures', 'model_type', 'torch_dtype')})
    made = LlamaForCausalLM(config)
    return made.to(torch.bfloat16) if dtype == 'bf16' else made


class Clock(TrainerCallback):
    def __init__(self):
        self.seconds = []

    def on_step_begin(self, *args, **kwargs):
        self.begin = time.perf_counter()

    def on_step_end(self, *args, **kwargs):
        self.seconds.append(time.perf_counter() - self.begin)


class ReadyDPO(DPOTrainer):
    def _prepare_dataset(self, dataset, *args, **kwargs):
        return dataset  # token ids already


def arguments(steps):
    return dict(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=rows_per_step, max_steps=steps + 1, report_to=[],
                save_strategy='no', logging_strategy='no', use_cpu=True, bf16=False, gradient_checkpointing=False,
                learning_rate=2e-5, max_length=None, train_sampling_strategy='sequential', disable_tqdm=True)


def adapter():
    return LoraConfig(r=8, lora_alpha=32, lora_dropout=0.0, target_modules='all-linear', task_type='CAUSAL_LM')


def timed(trainer, clock, counts, steps):
    trainer.train()
    tokens = sum(counts[rows_per_step:rows_per_step * (steps + 1)])
    return tokens / sum(clock.seconds[1:])


def sft(dtype, steps):
    rows = given['sft']
    data = Dataset.from_list([{'input_ids': row['inputIds'], 'labels': row['labels']} for row in rows])
    clock = Clock()
    trainer = SFTTrainer(model=model(dtype), args=SFTConfig(**arguments(steps)), train_dataset=data,
                         processing_class=tokenizer(), peft_config=adapter(), callbacks=[clock])
    return timed(trainer, clock, [len(row['inputIds']) for row in rows], steps)


def dpo(dtype, steps):
    rows = given['dpo'][:rows_per_step * (steps + 1)]  # reference log-probabilities are computed for all of them first
    data = Dataset.from_list([{'prompt_ids': row['promptIds'], 'chosen_ids': row['chosenIds'], 'rejected_ids': row['rejectedIds']}
                              for row in rows])
    clock = Clock()
    trainer = ReadyDPO(model=model(dtype), args=DPOConfig(precompute_ref_log_probs=True, **arguments(steps)), train_dataset=data,
                       processing_class=tokenizer(), peft_config=adapter(), callbacks=[clock])
    counts = [2 * len(row['promptIds']) + len(row['chosenIds']) + len(row['rejectedIds']) for row in rows]
    return timed(trainer, clock, counts, steps)


serve({'sft': sft, 'dpo': dpo}, versions={name: importlib.metadata.version(name) for name in ('torch', 'transformers', 'trl', 'peft')})
