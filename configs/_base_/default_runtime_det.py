default_scope = 'mmdet'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The last model, not the best: the best on the target domain could not be told without its
    # boxes, which the method is not given.
    checkpoint=dict(type='mmtadp.SafeCheckpointHook', interval=1, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    check_finite=dict(type='mmtadp.CheckFiniteHook'),
    exact_resume=dict(type='mmtadp.ExactResumeHook'),
    visualization=dict(type='DetVisualizationHook'),
    # Looks at some images and their ground truth before the run.
    check_dataset=dict(type='mmtadp.CheckDatasetHook'),
)
custom_hooks = [dict(type='mmtadp.CaptionPromptHook')]
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='DetLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
