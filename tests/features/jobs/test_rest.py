"""The listing of jobs over REST."""

from __future__ import annotations

import httpx
import pytest


@pytest.fixture
def rest(service):
    """A client that may do everything."""
    headers = {"authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=service.rest, headers=headers, trust_env=False, timeout=90) as found:
        yield found


def test_jobs_are_listed_with_filters_from_the_query(rest: httpx.Client):
    """GET /api/v1/jobs takes kinds, several states and times, and tells when a deadline is."""
    model = rest.post("/api/v1/models", json={"name": "m", "task_type": "classification"}).json()
    base = f"/api/v1/models/{model['model_id']}/versions"
    version = rest.post(base, json={}).json()
    done = rest.post(
        f"{base}/{version['version_id']}/evaluations",
        content="y_true,y_pred\na,a\nb,a\n",
        headers={"content-type": "text/csv"},
    ).json()
    query = (
        f"kind=evaluation&status=succeeded&status=failed&resource_id={done['evaluation_id']}"
        "&created_after=2020-01-01T00:00:00Z&page_size=5"
    )
    listed = rest.get(f"/api/v1/jobs?{query}")
    assert listed.status_code == 200, listed.text
    assert listed.json()["next_page_token"] == ""
    (job,) = listed.json()["jobs"]
    assert set(job) == {
        "job_id", "kind", "status", "state", "resource_id", "progress", "attempts", "created_at",
        "started_at", "ended_at", "last_sequence", "max_attempts",
    }  # fmt: skip  # the keys
    assert (job["job_id"], job["status"], job["attempts"]) == (done["job_id"], "succeeded", 1)


@pytest.mark.parametrize("query", ["status=lost", "created_after=yesterday", "page_size=-1"])
def test_a_filter_that_means_nothing_is_a_400(rest: httpx.Client, query: str):
    """A status, a time or a size that is none is refused with the body of every refusal."""
    refused = rest.get(f"/api/v1/jobs?{query}")
    assert refused.status_code == 400
    assert refused.json()["statusCode"] == 400


def test_a_watch_token_watches_its_job_and_does_nothing_else(rest: httpx.Client, service):
    """With the token in the URL one job can be watched without a header; it opens nothing else."""
    model = rest.post("/api/v1/models", json={"name": "m", "task_type": "classification"}).json()
    base = f"/api/v1/models/{model['model_id']}/versions"
    version = rest.post(base, json={}).json()
    headers = {"content-type": "text/csv"}
    jobs = [
        rest.post(
            f"{base}/{version['version_id']}/evaluations?dataset_split={split}",
            content="y_true,y_pred\na,a\nb,a\n",
            headers=headers,
        ).json()["job_id"]
        for split in ("test", "train")
    ]
    made = rest.post(f"/api/v1/jobs/{jobs[0]}:watchtoken", json={})
    assert made.status_code == 200, made.text
    token = made.json()["access_token"]
    with httpx.Client(base_url=service.rest, trust_env=False, timeout=30) as page:
        query = {"access_token": token}
        watched = page.get(f"/api/v1/jobs/{jobs[0]}:watch", params=query)
        assert watched.status_code == 200, watched.text
        assert '"status":"succeeded"' in watched.text
        assert page.get(f"/api/v1/jobs/{jobs[1]}:watch", params=query).status_code == 403
        assert page.get(f"/api/v1/jobs/{jobs[0]}", params=query).status_code == 401
        wrong = {"access_token": token[:-4] + "AAAA"}
        assert page.get(f"/api/v1/jobs/{jobs[0]}:watch", params=wrong).status_code == 401
        bearer = {"authorization": f"Bearer {token}"}
        assert page.get(f"/api/v1/jobs/{jobs[0]}:watch", headers=bearer).status_code == 401
    assert token not in service.log.read_text()
