"""The kinds of systems that the engine is to run, and what the suite's models lack of each."""

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
    "V13": "Faces: found, cropped, embedded, and against a gallery",
    "N4": "Defects: what is unusual in images",
    "T1": "Text classification, several labels, regression",
    "T2": "Intent and slots, named entities, parts of speech",
    "T3": "Extractive question answering",
    "T4": "Text generation",
    "T5": "Summarisation, translation",
    "T6": "Sentence embeddings, zero-shot labels",
    "A1": "Audio classification",
    "A2": "Speech recognition: CTC, transducer, sequence to sequence",
    "A3": "Speech synthesis",
    "A4": "Clusters of similar audio",
    "A5": "Voice turn: recognition, understanding, synthesis",
    "E1": "Ensembles: average, majority, bagging, boosting weights, stacking, cascade",
    "E2": "Graphs of models: detector, crops, classifier; recognition, then understanding",
    "C1": "Cleaning before a model: images, audio, texts",
    "C2": "Features: colours, brightness, edges, HOG, mel; imputation, scaling",
    "C3": "Selection of columns: variance, chi², recursive elimination; PCA",
    "D1": "Random forest, k-NN, SVM, tree, regressions, perceptron, k-means",
}
"""By row of the table."""

LACKS = {
    "V13": "landmarks that turn a tilted face upright",
    "T4": "tokens on a side topic, a conversation for each key, joining a batch that is under way",
    "T5": "tokenizers that exist in Python only, such as Marian's",
    "A2": "a transducer with state from chunk to chunk; recordings beyond Whisper's window",
    "C1": "a dictionary of Chinese words",
    "C3": "a fit on the stream that proposes the next version",
    "D1": "learning on the stream: these are fitted offline, on a captured range",
    "A3": "Tacotron 2 and WaveRNN; texts are spoken one at a time",
    "E1": "rounds that train boosted members; votes on numbers, or on several labels at once",
}
"""What a row that works does not do yet."""

BESIDE = {
    "A4": "tests/learners/test_clusters.py",
    "V8": "tests/learners/test_frames.py",
    "V13": "tests/learners/test_gallery.py",
}
"""Tests of the learner that a row needs beside its models."""
