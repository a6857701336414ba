"""The kinds of systems that the engine is to run, and what the suite's models lack of each."""

from __future__ import annotations

from collections.abc import Mapping

SYSTEMS = {
    "V1": "Small CNN, dense net",
    "V2": "VGG, ResNet, Inception and whatever timm has",
    "V3": "Swin Transformer",
    "V4": "Real-time object detection: YOLOX, D-FINE, RT-DETR, YOLOS, DETR",
    "V5": "Deformable DETR",
    "V6": "Mask R-CNN: boxes and instance masks",
    "V7": "Semantic segmentation",
    "V8": "Action recognition on video: VideoMAE, TimeSformer, ViViT",
    "V9": "Image generation out of texts",
    "V10": "Image restoration: super-resolution, denoising, inpainting",
    "V11": "Depth",
    "V12": "Open vocabulary: detection and classification by names",
    "V13": "Faces: found, turned upright, embedded, and against a gallery",
    "N4": "Defects: what is unusual in images",
    "T1": "Text classification, several labels, regression",
    "T2": "Intent and slots, named entities, parts of speech",
    "T3": "Extractive question answering",
    "T4": "Text generation",
    "T5": "Summarisation, translation",
    "T6": "Sentence embeddings, zero-shot labels",
    "A1": "Audio classification",
    "A2": "Speech recognition: CTC, transducer, sequence to sequence; pieces of a stream",
    "A3": "Speech synthesis",
    "A4": "Clusters of similar audio",
    "A5": "Voice turn: recognition, understanding, dialogue, synthesis",
    "E1": "Ensembles: average, median, majority, bagging, boosting, stacking, cascade",
    "E2": "Graphs of models: detector, crops, classifier; recognition, then understanding",
    "C1": "Cleaning before a model: images, audio, texts",
    "C2": "Features: colours, brightness, edges, HOG, mel; imputation, scaling",
    "C3": "Selection of columns: variance, chi², recursive elimination; PCA",
    "D1": "Random forest, k-NN, SVM, tree, regressions, perceptron, k-means; online or refitted",
}
"""By row of the table."""

LACKS: Mapping[str, str] = {}
"""What a row that works does not do yet."""

BESIDE = {
    "A2": "tests/learners/test_listener.py",
    "A4": "tests/learners/test_clusters.py",
    "C1": "tests/transforms/test_cleaning.py",
    "C3": "tests/learners/test_proposer.py",
    "D1": "tests/learners/test_online.py",
    "E1": "tests/training/test_boosting.py",
    "T4": "tests/writing/test_topics.py",
    "A5": "tests/voice/test_turns.py",
    "V8": "tests/learners/test_frames.py",
    "V13": "tests/learners/test_gallery.py",
}
"""Tests that a row needs beside its models: of a learner, of training, from topic to topic."""
