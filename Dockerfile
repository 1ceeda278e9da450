# The service with the starter: no TensorFlow, no GPU.
#
#     docker build -t deepfake .
#     docker run -p 127.0.0.1:8000:8000 deepfake
#
# With a detector of your own that was exported for OpenVINO or ONNX Runtime add
#
#     -v "$PWD/models/detector:/models/detector:ro" -e DEEPFAKE_SERVE_MODEL=/models/detector
FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/deepfake
COPY requirements.txt setup.cfg ./
# What trains and exports stays away; nothing that judges imports it.
RUN grep -vE '^(#|tensorflow|keras|mtcnn|onnx=|joblib|lz4|faiss|ImageHash|scikit-learn)' requirements.txt > serving.txt \
    && grep -oE 'huggingface_hub==[0-9.]+' setup.cfg >> serving.txt
RUN /opt/deepfake/bin/pip install --quiet --no-cache-dir --requirement serving.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY app app
RUN /opt/deepfake/bin/pip install --quiet --no-cache-dir --no-deps .

FROM python:3.11-slim
COPY --from=build /opt/deepfake /opt/deepfake
COPY models/starter /models/starter
RUN useradd --uid 1000 --create-home service
USER service
WORKDIR /
ENV PATH=/opt/deepfake/bin:$PATH DEEPFAKE_CACHE=/tmp/deepfake MPLCONFIGDIR=/tmp/matplotlib \
    DEEPFAKE_SERVE_MODEL=/models/starter DEEPFAKE_SERVE_HOST=0.0.0.0 DEEPFAKE_SERVE_PORT=8000
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=5)"]
CMD ["deepfake", "serve"]
