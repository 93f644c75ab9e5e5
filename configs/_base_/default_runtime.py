default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mmtadp.SafeCheckpointHook',
        by_epoch=False,
        interval=8000,
        max_keep_ckpts=1,
        save_best='mIoU',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    check_finite=dict(type='mmtadp.CheckFiniteHook'),
    exact_resume=dict(type='mmtadp.ExactResumeHook'),
    visualization=dict(type='SegVisualizationHook'),
    # Looks at some images and their ground truth before the run.
    check_dataset=dict(type='mmtadp.CheckDatasetHook'),
)
custom_hooks = [dict(type='mmtadp.CaptionPromptHook')]
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
tta_model = dict(type='SegTTAModel')
