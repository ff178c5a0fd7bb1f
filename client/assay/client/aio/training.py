"""Training, pruning and evaluation of models: started, watched and waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

import grpc

from assay.client import types
from assay.client.aio import calls
from assay.client.aio.concurrency import off_loop
from assay.client.aio.watching import Item, WatchState, followed
from assay.client.training_progress import (
    OnTraining,
    TrainingProgress,
    done,
    ignore_training,
)


class Training(calls.Training):
    """Jobs that train, prune or evaluate versions of models on stored datasets."""

    async def train(
        self,
        model_project_path: str,
        dataset_id: str,
        *,
        hyperparams: Mapping[str, object] | None = None,
        version_id: str = "",
        version_label: str = "",
        on_progress: OnTraining = ignore_training,
        request_id: str = "",
    ) -> types.ModelJob:
        """Train a new version of a model, wait for it, and return the job, which names it.

        Args:
            model_project_path: the model's own path.
            dataset_id: the dataset, whose splits are trained and measured on.
            hyperparams: hyperparameters by name; the others have their defaults.
            version_id: a draft or failed version to be trained; "" makes a new one.
            version_label: a human label of the new version.
            on_progress: called after each epoch, trial and measured split.
            request_id: the same id and arguments again take up the job that they began; "" is new.

        Raises:
            JobFailed: the job ended without a version.
            ServiceError: refused.

        Example:
            >>> job = await client.training.train("team/languages", dataset_id)
            >>> await client.versions.promote(job.model_id, job.version_id)
        """
        job = await self.submit(
            "training",
            model_project_path,
            dataset_id,
            hyperparams=hyperparams,
            version_id=version_id,
            version_label=version_label,
            request_id=request_id,
        )
        return await self.follow(job.job_id, on_progress)

    async def prune(
        self,
        model_project_path: str,
        dataset_id: str,
        target_sparsity: float | None,
        *,
        version_id: str = "",
        version_label: str = "",
        hyperparams: Mapping[str, object] | None = None,
        on_progress: OnTraining = ignore_training,
        request_id: str = "",
    ) -> types.ModelJob:
        """Make a smaller version of a trained one, wait for it, and return the job, which names it.

        Args:
            model_project_path: the model's own path.
            dataset_id: the dataset on which both versions are measured.
            target_sparsity: the share of weights that go, from 0 to less than 1; None where
                `hyperparams` has `target_bytes`, the size of the artifact.
            version_id: the version that is pruned; "" is the promoted one.
            version_label: a human label of the new version.
            hyperparams: by name: `target_bytes`, and `num_train_epochs` with others of learning,
                to train the pruned version on.
            on_progress: called after each epoch and measured split.
            request_id: the same id and arguments again take up the job that they began; "" is new.

        Raises:
            JobFailed: the job ended without a version.
            ServiceError: refused.
        """
        job = await self.submit(
            "pruning",
            model_project_path,
            dataset_id,
            hyperparams=hyperparams,
            version_id=version_id,
            version_label=version_label,
            target_sparsity=target_sparsity,
            request_id=request_id,
        )
        return await self.follow(job.job_id, on_progress)

    async def evaluate_version(
        self,
        model_project_path: str,
        dataset_id: str,
        *,
        version_id: str = "",
        on_progress: OnTraining = ignore_training,
        request_id: str = "",
    ) -> types.ModelJob:
        """Measure a trained version on a stored dataset, and return the job once it is measured.

        Args:
            model_project_path: the model's own path.
            dataset_id: the dataset.
            version_id: the version; "" is the promoted one.
            on_progress: called after each measured split.
            request_id: the same id and arguments again take up the job that they began; "" is new.

        Raises:
            JobFailed: the job ended without a result.
            ServiceError: refused.
        """
        job = await self.submit(
            "evaluation",
            model_project_path,
            dataset_id,
            version_id=version_id,
            request_id=request_id,
        )
        return await self.follow(job.job_id, on_progress)

    async def follow(
        self, job_id: str, on_progress: OnTraining = ignore_training
    ) -> types.ModelJob:
        """Watch a job to its end and return it.

        Raises:
            JobFailed: it ended without a result.
            ServiceError: refused.
        """
        standing = TrainingProgress(job_id=job_id)
        on_progress(standing)  # from now on an interrupt leaves a job behind
        async for item in self.watch(job_id):
            standing = standing.after(item)
            on_progress(standing)
        return done(await self.get(job_id))

    def watch(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[Item]:
        """Yield a job's events after a sequence, each once and in order, to its terminal event.

        Between the changes of state are epochs, trials, the calibration and measured splits. A
        connection that breaks is taken up where it stood.
        """

        def opened(after: int) -> object:
            return self._open_stream("WatchModelJob", {"job_id": job_id, "after_sequence": after})

        async def is_over(_: int) -> bool:
            return (await self.get(job_id)).state == "DONE"

        return followed(
            self._transport, WatchState(f"job {job_id}", after_sequence), opened, is_over
        )

    async def download_artifact(self, model_id: str, version_id: str, to: str | Path) -> int:
        """Write the artifact of a version that a job made into a file; return its bytes.

        Args:
            model_id: the model.
            version_id: the version.
            to: the file, which is overwritten.

        Raises:
            ServiceError: refused.
            OSError: the file cannot be written.
        """
        file = Path(to)
        part = file.with_name(f"{file.name}.part")  # half a model is none
        values = {"model_id": model_id, "version_id": version_id}
        call = self._open_stream("GetVersionArtifact", values)
        try:
            with await off_loop(lambda: part.open("wb")) as opened:
                async for block in call:
                    await off_loop(partial(opened.write, block.data))
        except grpc.RpcError as error:
            part.unlink()
            raise self._transport.failure(error) from error
        finally:
            call.cancel()
        return part.replace(file).stat().st_size
