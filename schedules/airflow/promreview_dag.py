"""The monthly review as an Airflow DAG: one Papermill task per report, then the page from their files; the daily sync.

Needs Airflow 3, apache-airflow-providers-papermill and -standard, and promreview in the workers' environment.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

os.environ["TQDM_DISABLE"] = "1"  # nobody watches a pull
HOME = Path("/opt/promreview")
# The last whole month before a run; where an interval begins depends on Airflow's version and settings.
MONTH = "{{ (data_interval_end.replace(day=1) - macros.timedelta(days=1)).strftime('%Y-%m') }}"
REPORTS = ("login_anomalies", "cardinality_growth", "threshold_drift", "monitoring_gaps")

with DAG(
    dag_id="promreview_monthly_review",
    schedule="0 6 2 * *",
    start_date=datetime(2026, 1, 2),  # noqa: DTZ001 - Airflow reads it in its own time zone
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=30)},
) as dag:
    page = BashOperator(
        task_id="page",
        bash_command=f"cd {HOME} && .venv/bin/promreview page --month {MONTH}",
        trigger_rule="all_done",  # a report that failed is said on the page
    )
    for report in REPORTS:
        folder = f"{HOME}/outputs/{MONTH}/{report}"
        begin = BashOperator(task_id=f"{report}_folder", bash_command=f"rm -rf {folder} && mkdir -p {folder}")
        run = PapermillOperator(
            task_id=report,
            input_nb=str(HOME / "notebooks" / f"{report}.ipynb"),
            output_nb=f"{folder}/{report}.ipynb",
            parameters={
                "month": MONTH,
                "settings_file": str(HOME / "params" / f"{report}.yaml"),
                "output_directory": folder,
            },
        )
        begin >> run >> page

with DAG(
    dag_id="promreview_archive_sync",
    schedule="30 3 * * *",
    start_date=datetime(2026, 1, 2),  # noqa: DTZ001 - Airflow reads it in its own time zone
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=30)},
) as sync_dag:
    BashOperator(task_id="sync", bash_command=f"cd {HOME} && .venv/bin/promreview archive sync")
