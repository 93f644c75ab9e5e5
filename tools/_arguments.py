"""Arguments that tools share; without heavy imports, so that --help is instant."""

import argparse


class DictAction(argparse.Action):
    """Parse KEY=VALUE pairs with mmengine, which is imported only then."""

    def __call__(self, *args) -> None:
        """Store the pairs as a dict."""
        from mmengine.config import DictAction as MMEngineDictAction

        MMEngineDictAction(self.option_strings, self.dest, nargs='+')(*args)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config, its overrides, the work directory and the launcher."""
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help="folder of logs, checkpoints and results; by default the config's work_dir, or "
        'work_dirs/ and the name of the config',
    )
    parser.add_argument(
        '--captions',
        nargs='+',
        metavar='FILE',
        help='caption file(s) for every CaptionLoadTransform of the config, in training and '
        'testing; put this option after the config',
    )
    parser.add_argument(
        '--template',
        help="wording for every DomainModifier of the config, such as 'a dark night photo of a "
        "{caption}'; if the config has no DomainModifier, one is added after each "
        'CaptionLoadTransform',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help='settings that override the config, nested as in model.backbone.with_cp=True; lists '
        "as key=a,b or key='[(a,b),(c,d)]' without spaces",
    )
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none')
    # `torch.distributed.launch`, which mim uses, passes either spelling, depending on its version.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
