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
    "N1": "IsolationForest, refitted beside the stream",
    "N2": "Deep autoencoder, trained on the stream",
    "N3": "Anomalies, learnt record by record: HalfSpaceTrees, Mahalanobis, tails, extremes",
    "N4": "Defects: what is unusual in images",
    "N5": "Trajectories and places: stays, fences, routes, speed and turn, next place",
    "R1": "Recommendation from behaviour, with a feed of each user that is read by key",
    "R2": "Recommendation from content, for items that nobody has touched",
    "R3": "Recommendation on the graph of interactions",
    "R4": "Repeats, diversity and business rules, with reasons",
    "R5": "Contextual bandit: feed slots, model versions; off-policy report",
    "R6": "Abuse: bots, click farms, bursts; kept out of learning",
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
    "N1": "tests/learners/test_detectors.py",
    "N2": "tests/learners/test_detectors.py",
    "N3": "tests/learners/test_detectors.py",
    "R1": "tests/learners/test_recommendation.py",
    "R2": "tests/learners/test_content.py",
    "R3": "tests/learners/test_neighbours.py",
    "R4": "tests/learners/test_rules.py",
    "N5": "tests/learners/test_trajectories.py",
    "R5": "tests/learners/test_bandit.py",
    "R6": "tests/learners/test_abuse.py",
    "T4": "tests/writing/test_topics.py",
    "A5": "tests/voice/test_turns.py",
    "V8": "tests/learners/test_frames.py",
    "V13": "tests/learners/test_gallery.py",
}
"""Tests that a row needs beside its models, or that are all it has: of learners, of training."""
